// A worker that takes connections and says nothing: it greets each one.
process.on('message', (_message, socket) => void socket?.end('taken'));
process.send('ready');
