// A device as npm's packages make one. It tells its subscription and VAPID keys on the first line, and then answers each
// line of JSON: a push as it came to the endpoint, opened by http_ece, its VAPID token verified by node's own crypto.
'use strict';
const crypto = require('crypto');
const ece = require('http_ece');
const webpush = require('web-push');

const device = crypto.createECDH('prime256v1');
device.generateKeys();
const auth = crypto.randomBytes(16).toString('base64url');
const p256dh = device.getPublicKey().toString('base64url');
const vapid = webpush.generateVAPIDKeys();

function say(what) {
  process.stdout.write(JSON.stringify(what) + '\n');
}

// What the reference itself would send, to compare the headers with.
function reference(endpoint, topic) {
  const details = webpush.generateRequestDetails({ endpoint, keys: { p256dh, auth } }, 'x', {
    vapidDetails: { subject: 'mailto:ops@example.net', ...vapid },
    TTL: 30,
    urgency: 'high',
    topic,
  });
  return details.headers;
}

function verified(authorization) {
  const [, token, key] = /^vapid t=([^,]+), ?k=(.+)$/.exec(authorization);
  const point = Buffer.from(key, 'base64url');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const [header, claims, signature] = token.split('.');
  const ok = crypto.verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key: crypto.createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  return { ok: ok && key === vapid.publicKey, claims: JSON.parse(Buffer.from(claims, 'base64url')) };
}

function answer(line) {
  try {
    const asked = JSON.parse(line);
    if (asked.reference) return { headers: reference(asked.reference, asked.topic) };
    const plain = ece.decrypt(Buffer.from(asked.body, 'base64'), {
      version: 'aes128gcm',
      privateKey: device,
      authSecret: auth,
    });
    return { plain: plain.toString('base64'), vapid: verified(asked.authorization) };
  } catch (error) {
    return { error: String(error) };
  }
}

say({ p256dh, auth, vapid });
require('readline').createInterface({ input: process.stdin }).on('line', (line) => say(answer(line)));
