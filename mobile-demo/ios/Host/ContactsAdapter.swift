@preconcurrency import Contacts
import Foundation
import Tandem
import os

/// A contact as the app lists it.
struct Card: Identifiable, Hashable, Sendable {
    let id: String
    let name: String
    /// As the contact holds them.
    let numbers: [String]
}

/// The phone book, by the Contacts framework.
final class ContactsAdapter: ContactsPort {
    /// An edit, an import or a sync tells of itself many times in a row: the core hears of it once, after it went quiet.
    private static let quiet = Duration.seconds(2)

    private let link: HostLink
    private let queue = DispatchQueue(label: "tandem.contacts", qos: .utility)
    /// The numbers of the reading under way. The framework has no pages: the first request reads all, and a cursor is a
    /// place in what was read.
    private let numbers = OSAllocatedUnfairLock<[String]>(initialState: [])
    private let settling = OSAllocatedUnfairLock<Task<Void, Never>?>(initialState: nil)

    init(link: HostLink) {
        self.link = link
        // Never taken away: the adapter lives as long as the app.
        _ = NotificationCenter.default.addObserver(forName: .CNContactStoreDidChange, object: nil, queue: nil) {
            [weak self] _ in self?.changed()
        }
    }

    func requestPage(ticket: Ticket, cursor: String?, limit: UInt32) throws {
        // Not allowed yet: asked again later, for the user may still allow it.
        guard Self.isAllowed else { throw HostError.Locked }
        queue.async { [link, numbers] in
            if cursor == nil {
                guard let cards = try? Self.cards() else {
                    return link.reply(to: ticket, .noContacts(why: .Failed))
                }
                numbers.withLock { $0 = cards.flatMap(\.numbers) }
            }
            let from = cursor.flatMap { Int($0) } ?? 0
            let (page, isLast) = numbers.withLock { all in
                let rest = all.dropFirst(from)
                return (Array(rest.prefix(Int(limit))), rest.count <= Int(limit))
            }
            let next = isLast ? nil : String(from + page.count)
            link.reply(to: ticket, .contactsPage(numbers: page, next: next))
        }
    }

    /// Asks the user, once, for the phone book; then the core reads it.
    func askForAccess() async {
        _ = try? await CNContactStore().requestAccess(for: .contacts)
        link.notify(.contactsChanged)
    }

    /// What the app lists, read off the main thread; nothing until the user has allowed it, and none waits for that here.
    func list() async -> [Card] {
        guard Self.isAllowed else { return [] }
        return await withCheckedContinuation { listed in
            queue.async { listed.resume(returning: (try? Self.cards()) ?? []) }
        }
    }

    private static var isAllowed: Bool {
        switch CNContactStore.authorizationStatus(for: .contacts) {
        case .authorized, .limited: true
        case .notDetermined, .restricted, .denied: false
        @unknown default: false
        }
    }

    private static func cards() throws -> [Card] {
        let name = CNContactFormatter.descriptorForRequiredKeys(for: .fullName)
        let request = CNContactFetchRequest(keysToFetch: [name, CNContactPhoneNumbersKey as CNKeyDescriptor])
        request.sortOrder = .userDefault
        var cards: [Card] = []
        try CNContactStore().enumerateContacts(with: request) { contact, _ in
            let numbers = contact.phoneNumbers.map { $0.value.stringValue }
            if numbers.isEmpty { return }
            let name = CNContactFormatter.string(from: contact, style: .fullName)
            cards.append(Card(id: contact.identifier, name: name ?? numbers[0], numbers: numbers))
        }
        return cards
    }

    private func changed() {
        settling.withLock { settling in
            settling?.cancel()
            settling = Task { [link] in
                guard (try? await Task.sleep(for: Self.quiet)) != nil else { return }
                link.notify(.contactsChanged)
            }
        }
    }
}
