// A worker that takes connections, and nothing else: it greets each one.
process.on('message', ({ name, id }, socket) => {
  socket?.end('taken');
  if (name === 'connection') process.send({ answers: id });
});
process.send('ready');
