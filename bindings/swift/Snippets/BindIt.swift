import Tandem

/// What the app asks its user: here, nobody.
@MainActor
enum Screen {
    static func confirm(_ question: String) async -> Bool { true }
    static func choose(_ prompt: Prompt) async -> Choice { prompt.choices[0] }
}

/// What the phone's OS does, and whether it did: here, nothing.
enum OS {
    static func send(_ to: String, _ body: String) -> Bool { false }
    static func dial(_ digits: String) -> Bool { false }
}

// bind-it
final class Host: SimPort, SmsPort, TelephonyPort {
    private let link = HostLink()
    func slots() -> [SimSlot] { [SimSlot(line: 0, number: "+4915123456789", country: "DE")] }
    func send(ticket: Ticket, line: Line?, to: String, body: String) { link.reply(to: ticket, .smsSent(ok: OS.send(to, body))) }
    func dial(ticket: Ticket, line: Line?, digits: String) { link.reply(to: ticket, .carrierDialed(ok: OS.dial(digits))) }
    func onSms(sender: String, body: String) { link.notify(.smsReceived(line: 0, sender: sender, body: body)) }
    func start(_ config: CoreConfig) async throws -> TandemPhone {
        try await TandemPhone.start(config: config, ports: Ports(sim: self, sms: self, telephony: self), link: link)
    }
}
@MainActor extension TandemPhone {
    func run() async { for await event in events { on(event) } } // in order: nothing in there waits for a person
    func on(_ event: Event) {
        if case .call(let it) = event { print(callStateText(state: it.state)) }
        if case .prompt(let it) = event { Task { try? await core.answer(prompt: it.id, choice: await Screen.choose(it)) } }
        guard case .registration(let it) = event, it.state == .awaitingUserConfirm else { return } // texts, marks, the log
        Task { if await Screen.confirm(it.text) { try? await core.confirmRegistration(line: it.line) } }
    }
    func register() async throws { try await core.register(line: 0, typed: nil) } // the SIM in slot 0, by the number it tells
    func call(_ to: Target) async throws -> Outcome { try await core.dial(target: to, line: nil, mode: .data) }
    func text(_ to: Target, _ body: String) async throws -> Outcome {
        try await core.sendText(target: to, line: nil, body: body, mode: .data)
    }
    func end() async { await shutdown(deadline: Duration.seconds(3)) } // a phone that is only let go of lives on
}
// end
