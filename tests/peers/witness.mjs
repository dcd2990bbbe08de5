// Stands between LIP and the stand-in upstream, hands every request and answer on as it came, and remembers the bodies
// of requests, so that a test can see what really went upstream.
//
//   node witness.mjs --to http://127.0.0.1:4010 [--port 0]
//   GET /__seen?holding=TEXT&path=TEXT    the remembered bodies that hold the one, of requests whose URL holds the other,
//                                         oldest first, as a JSON array of strings; a body over 64 KB is an empty string

import { Agent, createServer, request } from 'node:http';
import { parseArgs } from 'node:util';

const KEPT = 400;
const KEPT_BYTES = 64 * 1024;
const { values } = parseArgs({ options: { to: { type: 'string' }, port: { type: 'string', default: '0' } } });
if (!values.to) {
  console.error('usage: node witness.mjs --to ORIGIN [--port PORT]');
  process.exit(2);
}
const agent = new Agent({ keepAlive: true });
const seen = [];

function remember(path, body) {
  seen.push({ path, body });
  if (seen.length > KEPT) seen.shift();
}

function relay(incoming, outgoing) {
  const onward = request(new URL(incoming.url, values.to), { method: incoming.method, headers: incoming.headers, agent });
  const pieces = [];
  let size = 0;
  incoming.on('data', (piece) => {
    size += piece.length;
    if (size <= KEPT_BYTES) pieces.push(piece);
  });
  incoming.on('end', () => remember(incoming.url, size <= KEPT_BYTES ? Buffer.concat(pieces).toString('utf8') : ''));
  incoming.pipe(onward);
  onward.on('response', (answer) => {
    outgoing.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(outgoing);
    // A stream that the upstream breaks off must break off here too.
    answer.on('aborted', () => outgoing.destroy());
    answer.on('error', () => outgoing.destroy());
  });
  onward.on('error', () => outgoing.destroy());
  outgoing.on('close', () => onward.destroy());
}

const server = createServer((incoming, outgoing) => {
  const url = new URL(incoming.url, 'http://witness');
  if (url.pathname !== '/__seen') return relay(incoming, outgoing);
  const holding = url.searchParams.get('holding') ?? '';
  const inPath = url.searchParams.get('path') ?? '';
  outgoing.writeHead(200, { 'content-type': 'application/json' });
  const found = seen.filter(({ path, body }) => path.includes(inPath) && body.includes(holding));
  return outgoing.end(JSON.stringify(found.map(({ body }) => body)));
});
server.listen(Number(values.port), '127.0.0.1', () => console.log(`witness listening on http://127.0.0.1:${server.address().port}`));
