import Foundation
import Observation
import Tandem

/// What the screens show, and what they ask for. Every decision is the core's.
@MainActor
@Observable
final class PhoneModel {
    private(set) var registration: RegistrationView?
    private(set) var isOnline = false
    private(set) var marks: [Msisdn: MarkShown] = [:]
    private(set) var prompts: [Prompt] = []
    private(set) var cards: [Card] = []
    private var names: [Msisdn: String] = [:]
    private(set) var log: [LogEntry] = []
    /// As far down as the user has looked, newest first.
    private(set) var conversations: [Conversation] = []
    private(set) var hasMoreConversations = false
    /// Grows when a text came or changed: an open thread reads itself again.
    private(set) var textsSeen = 0
    /// The call on the screen.
    var call: CallView?
    /// A sentence for the user.
    var notice: String?
    var hasNotice: Bool {
        get { notice != nil }
        set { if !newValue { notice = nil } }
    }

    private let link = HostLink()
    private let device = SoundDevice()
    @ObservationIgnored private lazy var callKit = CallKitAdapter(device: device)
    @ObservationIgnored private lazy var push = PushAdapter(link: link, callKit: callKit)
    @ObservationIgnored private lazy var contacts = ContactsAdapter(link: link)
    private var phone: TandemPhone?

    /// Begins the phone. CallKit and PushKit stand before it returns, the core a moment later.
    func launch() {
        _ = push
        let ports = Ports(
            sim: SimAdapter(),
            network: NetworkAdapter(link: link),
            contacts: contacts,
            sms: SmsAdapter(link: link),
            telephony: TelephonyAdapter(link: link),
            keyStore: KeychainAdapter(),
            audio: AudioAdapter(device: device),
            log: LogAdapter()
        )
        Task {
            await run(ports)
        }
    }

    private func run(_ ports: Ports) async {
        let folder = URL.applicationSupportDirectory
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let database = folder.appending(path: "tandem.db").path(percentEncoded: false)
        let config = CoreConfig(server: "wss://tandem.example", database: database)
        let phone: TandemPhone
        do {
            phone = try await TandemPhone.start(config: config, ports: ports, link: link)
        } catch {
            return say(error)
        }
        self.phone = phone
        device.core = phone.core
        callKit.core = phone.core
        // The user may take their time to answer, and calls do not wait for it.
        Task { await readContacts() }
        await readAgain()
        for await event in phone.events { await apply(event) }
    }

    private func readContacts() async {
        await contacts.askForAccess()
        cards = await contacts.list()
        readNames()
    }

    private func apply(_ event: Event) async {
        switch event {
        case .registration(let view):
            registration = view
            readNames()
        case .online(_, let online): isOnline = online
        case .marks(let changed): for mark in changed { marks[mark.number] = mark.shown }
        case .prompt(let prompt): prompts.append(prompt)
        case .promptGone(let id): prompts.removeAll { $0.id == id }
        case .call(let view): show(view)
        case .text, .textArrived:
            textsSeen += 1
            await readConversations()
        // The dialer shows neither files nor datagrams.
        case .file, .fileArrived, .datagramArrived: break
        case .log: log = await read { try await $0.callLog(before: nil, limit: 50) } ?? log
        case .notice(.resync, _): await readAgain()
        case .notice(_, let text): notice = text
        case .stopped(_, let text): notice = text
        }
    }

    /// Everything that is shown, from the core's own state: at the start, and when events were dropped.
    private func readAgain() async {
        guard let core = phone?.core else { return }
        let state = core.state()
        registration = state.registrations.first
        isOnline = !state.online.isEmpty
        marks = Dictionary(uniqueKeysWithValues: state.marks.map { ($0.number, $0.shown) })
        prompts = state.prompts
        for view in state.calls { show(view) }
        cards = await contacts.list()
        readNames()
        log = await read { try await $0.callLog(before: nil, limit: 50) } ?? []
        textsSeen += 1
        await readConversations()
    }

    /// Reads anew what is shown: a text moves its conversation to the top, and the page it leaves is another one then.
    private func readConversations() async {
        var fresh: [Conversation] = []
        repeat {
            guard let page = await conversations(after: fresh) else { return }
            fresh += page
        } while hasMoreConversations && fresh.count < conversations.count
        conversations = fresh
    }

    func readMoreConversations() {
        Task {
            let shown = conversations
            guard let page = await conversations(after: shown) else { return }
            // What was read anew meanwhile is newer than this page.
            if conversations == shown { conversations = shown + page }
        }
    }

    /// The page below what is there, asked for by the position of the last one.
    private func conversations(after newestFirst: [Conversation]) async -> [Conversation]? {
        let (last, limit) = (newestFirst.last?.newest.position, UInt32(50))
        let page = await read { try await $0.conversations(before: last, limit: limit) }
        if let page { hasMoreConversations = page.count == limit }
        return page
    }

    /// Texts that were seen are unread no more, which no event tells.
    func markRead(_ ids: [TextId], of peer: Msisdn) async {
        _ = await read { try await $0.markRead(sender: peer, ids: ids) }
        await readConversations()
    }

    private func show(_ view: CallView) {
        callKit.follow(view)
        switch view.state {
        case .ended(let end):
            if call?.call == view.call { notice = callEndText(end: end) }
            call = call?.call == view.call ? nil : call
        case .carrier: call = nil
        case .checking, .asking, .calling, .ringing, .connecting, .active, .reconnecting: call = view
        }
    }

    /// A command. What it did comes as an event; what it could not is said.
    func tell(_ command: @escaping @Sendable (Core) async throws -> Void) {
        Task {
            do {
                guard let core = phone?.core else { throw TandemError.Stopped }
                try await command(core)
            } catch {
                say(error)
            }
        }
    }

    func read<Answer: Sendable>(_ question: @Sendable (Core) async throws -> Answer) async -> Answer? {
        guard let core = phone?.core else { return nil }
        return try? await question(core)
    }

    /// Calls a contact over data where that is possible. A phone whose core is gone is still a phone.
    func dial(_ card: Card) {
        Task {
            do {
                guard let core = phone?.core else { throw TandemError.Stopped }
                let target = Target.contact(contact: card.id, numbers: card.numbers)
                _ = try await core.dial(target: target, line: nil, mode: .data)
            } catch TandemError.Stopped {
                try? TelephonyAdapter(link: link).dial(ticket: 0, line: nil, digits: card.numbers[0])
            } catch {
                say(error)
            }
        }
    }

    /// A contact's numbers as marks and threads name them, read in the SIM's country; what is no telephone number has none.
    func numbers(of card: Card) -> [Msisdn] {
        guard let core = phone?.core else { return [] }
        return card.numbers.compactMap { try? core.readNumber(line: nil, raw: $0) }
    }

    /// The contact's name, or the number of whoever is none.
    func name(of peer: Msisdn) -> String {
        names[peer] ?? peer
    }

    /// Contacts by their numbers, read anew once another SIM may say in which country.
    private func readNames() {
        names = [:]
        for card in cards {
            for number in numbers(of: card) { names[number] = card.name }
        }
    }

    func mark(of card: Card) -> MarkShown {
        numbers(of: card).compactMap { marks[$0] }.first { $0 != .unmarked } ?? .unmarked
    }

    private func say(_ error: any Error) {
        notice = (error as? TandemError).map { errorText(error: $0) } ?? error.localizedDescription
    }
}
