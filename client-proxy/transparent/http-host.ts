/** A method, as far as it has come. Those in use are in capitals; what is none is known by its first byte, for the most part. */
const METHOD_SO_FAR = /^[A-Z]{1,16}(?:$| )/;
/**
 * A request to the server itself. What is asked of a proxy (`GET http://...`, CONNECT) has another server's name in it.
 */
const REQUEST_LINE = /^[A-Z]{1,16} [/*]\S* HTTP\/1\.[01]\r?$/;
const HOST_LINE = /^host:[ \t]*([^ \t\r]*)[ \t]*\r?$/i;
const PORT = /:\d*$/;

/**
 * The host in the first Host field of the HTTP/1 request that a connection begins with, without its port (RFC 9112 section 3.2);
 * `more` while it may still come; `none` where there is none, or this is no such request. Nothing else of it is looked at.
 */
export function hostFieldIn(bytes: Uint8Array): Uint8Array | 'more' | 'none' {
  const [request = '', ...fields] = Buffer.from(bytes).toString('latin1').split('\n');
  if (fields.length === 0) return METHOD_SO_FAR.test(request) ? 'more' : 'none';
  if (!REQUEST_LINE.test(request)) return 'none';
  // Behind the last line end is what has come of the next line.
  for (const line of fields.slice(0, -1)) {
    const host = HOST_LINE.exec(line)?.[1];
    if (host !== undefined) return Buffer.from(host.replace(PORT, ''), 'latin1');
    if (line === '' || line === '\r') return 'none';
  }
  return 'more';
}
