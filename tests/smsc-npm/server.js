// An SMSC built on npm's smpp package, so that Tandem's ESME meets an implementation of SMPP its authors did not write.
//
// It prints one JSON object a line for everything it saw. It reads commands, one a line:
//   limit N        throttle submits beyond N a second (0: no limit)
//   throttle N     throttle the next N submits
//   cut N          take N more submits, leave the last unanswered and destroy the socket
//   drop           destroy every socket now
//   mo FROM TO TEXT  a text from a phone
//   enquire        ask every session whether it is there
'use strict';

const readline = require('node:readline');
const smpp = require('smpp');

const SYSTEM_ID = 'tandem';
const PASSWORD = 'pw';

const say = (event, fields) => process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');

let limit = 0;
let throttleNext = 0;
let cutAfter = 0;
let lastId = 0;
let window = { second: 0, count: 0 };
const sessions = new Set();

function throttled() {
  if (throttleNext > 0) {
    throttleNext -= 1;
    return true;
  }
  const second = Math.floor(Date.now() / 1000);
  if (window.second !== second) window = { second, count: 0 };
  window.count += 1;
  return limit > 0 && window.count > limit;
}

function sendReceipt(session, submit, id) {
  session.deliver_sm(
    {
      source_addr_ton: 1,
      source_addr_npi: 1,
      source_addr: submit.destination_addr,
      destination_addr: submit.source_addr,
      esm_class: 4,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2501010000 done date:2501010001 stat:DELIVRD err:000 text:`,
      receipted_message_id: id,
      message_state: 2,
    },
    (answer) => say('receipt_answer', { status: answer.command_status }),
  );
}

function onSubmit(session, pdu) {
  if (throttled()) {
    say('throttled', {});
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  lastId += 1;
  const id = String(lastId);
  say('submit', {
    id,
    to: pdu.destination_addr,
    from: pdu.source_addr,
    text: pdu.short_message.message,
    data_coding: pdu.data_coding,
    esm_class: pdu.esm_class,
    registered_delivery: pdu.registered_delivery,
    validity_period: pdu.validity_period,
  });
  if (cutAfter > 0) {
    cutAfter -= 1;
    if (cutAfter === 0) {
      say('cut', {});
      session.destroy();
      return;
    }
  }
  session.send(pdu.response({ message_id: id }));
  if (pdu.registered_delivery & 1) setTimeout(() => sendReceipt(session, pdu, id), 20);
}

const server = smpp.createServer((session) => {
  let bound = false;
  session.on('bind_transceiver', (pdu) => {
    if (pdu.system_id !== SYSTEM_ID || pdu.password !== PASSWORD) {
      say('bind_refused', {});
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      return;
    }
    bound = true;
    sessions.add(session);
    say('bind', { interface_version: pdu.interface_version });
    session.send(pdu.response({ system_id: 'npm-smpp' }));
  });
  session.on('submit_sm', (pdu) => {
    if (bound) onSubmit(session, pdu);
    else session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
  });
  session.on('enquire_link', (pdu) => {
    say('enquire_link', {});
    session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    say('unbind', {});
    session.send(pdu.response());
    session.close();
  });
  session.on('close', () => {
    sessions.delete(session);
    say('closed', {});
  });
  // A peer that goes away is part of the tests; 'close' follows.
  session.on('error', (error) => say('socket_error', { code: String(error.code ?? error.message) }));
});

server.listen(0, '127.0.0.1', () => say('listening', { port: server.address().port }));

const commands = {
  limit: ([count]) => { limit = Number(count); },
  throttle: ([count]) => { throttleNext = Number(count); },
  cut: ([count]) => { cutAfter = Number(count); },
  drop: () => sessions.forEach((session) => session.destroy()),
  mo: ([from, to, ...words]) => sessions.forEach((session) =>
    session.deliver_sm({ source_addr_ton: 1, source_addr_npi: 1, source_addr: from, destination_addr: to, data_coding: 0, short_message: words.join(' ') },
      (answer) => say('mo_answer', { status: answer.command_status }))),
  enquire: () => sessions.forEach((session) => session.enquire_link({}, (answer) => say('enquire_answer', { status: answer.command_status }))),
};

// Commands are acknowledged, so that a test knows the order of things. The end of input ends the process.
readline.createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [name, ...rest] = line.split(' ');
    commands[name](rest);
    say('done', { command: name });
  })
  .on('close', () => process.exit(0));
