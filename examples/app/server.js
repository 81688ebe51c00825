'use strict';

const fs = require('node:fs/promises');
const http = require('node:http');
const path = require('node:path');
const sharp = require('sharp');

const IMAGES = path.join(__dirname, 'images');
const DEFAULT_WIDTH = 320;
const MAX_WIDTH = 2048;
const TYPES = { png: 'image/png', webp: 'image/webp', jpeg: 'image/jpeg' };

class NotFound extends Error {}
class BadRequest extends Error {}

function log(fields) {
  const line = { at: new Date().toLocaleString('sv'), ...fields };
  if (process.env.LOG_FORMAT === 'json') {
    console.log(JSON.stringify(line));
  } else {
    console.log(Object.values(line).join(' '));
  }
}

async function pictures() {
  const names = await fs.readdir(IMAGES);
  return names.filter((name) => /\.(svg|png|jpe?g)$/.test(name)).sort();
}

async function index() {
  const items = (await pictures()).map(
    (name) => `<li><a href="/thumb/${encodeURIComponent(name)}?width=200">${name}</a></li>`,
  );
  return { type: 'text/html; charset=utf-8', body: `<!doctype html><title>Harbour</title><ul>${items.join('')}</ul>` };
}

async function thumb(name, query) {
  const width = Number(query.get('width') ?? DEFAULT_WIDTH);
  const format = query.get('format') ?? 'png';
  if (!Number.isInteger(width) || width < 1 || width > MAX_WIDTH) {
    throw new BadRequest(`width must be 1 to ${MAX_WIDTH}`);
  }
  if (!Object.hasOwn(TYPES, format)) {
    throw new BadRequest(`format must be one of ${Object.keys(TYPES).join(', ')}`);
  }
  // Only names from the listing are served, so none can lead out of the directory.
  if (!(await pictures()).includes(name)) {
    throw new NotFound(name);
  }
  const body = await sharp(path.join(IMAGES, name)).resize({ width }).toFormat(format).toBuffer();
  return { type: TYPES[format], body };
}

async function route(url) {
  if (url.pathname === '/') return index();
  if (url.pathname === '/healthz') return { type: 'text/plain', body: `ok, libvips ${sharp.versions.vips}\n` };
  if (url.pathname.startsWith('/thumb/')) {
    let name;
    try {
      name = decodeURIComponent(url.pathname.slice('/thumb/'.length));
    } catch {
      throw new BadRequest('the path is not valid percent-encoding');
    }
    return thumb(name, url.searchParams);
  }
  throw new NotFound(url.pathname);
}

function failure(err) {
  if (err instanceof NotFound) return { status: 404, message: `not found: ${err.message}` };
  if (err instanceof BadRequest) return { status: 400, message: err.message };
  return { status: 500, message: 'internal error', detail: err.message };
}

const server = http.createServer(async (req, res) => {
  let status = 200;
  let detail;
  try {
    const { type, body } = await route(new URL(req.url, 'http://localhost'));
    res.writeHead(200, { 'content-type': type, 'cache-control': 'max-age=60' });
    res.end(body);
  } catch (err) {
    const found = failure(err);
    ({ status, detail } = found);
    res.writeHead(status, { 'content-type': 'text/plain' });
    res.end(`${found.message}\n`);
  }
  log({ method: req.method, url: req.url, status, ...(detail && { detail }) });
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => server.close(() => process.exit(0)));
}

server.listen(Number(process.env.PORT ?? 8080), () => log({ listening: server.address().port }));
