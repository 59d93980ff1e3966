import Foundation
import MessageUI
import Tandem
import UIKit

#if canImport(LiveCommunicationKit)
import LiveCommunicationKit
#endif

/// One SIM. iOS tells neither number nor IMSI, nor whether there are two: the user types the number, and one line is all.
final class SimAdapter: SimPort {
    static let line: Line = 0

    func slots() throws -> [SimSlot] {
        let country = Locale.current.region?.identifier ?? "ZZ"
        return [SimSlot(line: Self.line, number: nil, imsi: nil, country: country)]
    }
}

/// Carrier calls. No app may place one unseen.
final class TelephonyAdapter: TelephonyPort {
    private let link: HostLink

    init(link: HostLink) {
        self.link = link
    }

    func dial(ticket: Ticket, line: Line?, digits: String) throws {
        Task { @MainActor [link] in
            let isTaken = await Self.dialed(digits)
            // The call belongs to the system from here on: when it rings or ends is not told.
            link.reply(to: ticket, .carrierDialed(ok: isTaken))
        }
    }

    @MainActor
    private static func dialed(_ digits: String) async -> Bool {
        #if canImport(LiveCommunicationKit)
        // As the default dialer app (`com.apple.developer.dialing-app`) the call is placed without a question. Services
        // are listed for that app alone.
        if #available(iOS 26.0, *), !TelephonyConversationManager.sharedInstance.cellularServices.isEmpty {
            let action = StartCellularConversationAction(Handle(type: .phoneNumber, value: digits))
            return (try? await TelephonyConversationManager.sharedInstance.startCellularConversation(action)) != nil
        }
        #endif
        // Any other app hands over, and the system asks the user.
        let dialable = CharacterSet(charactersIn: "+0123456789*,;")
        let escaped = digits.addingPercentEncoding(withAllowedCharacters: dialable) ?? ""
        guard let url = URL(string: "tel:" + escaped) else { return false }
        return await UIApplication.shared.open(url)
    }
}

/// SMS. No app may send one unseen: the user is shown it, and sends it.
@MainActor
final class SmsAdapter: NSObject, SmsPort {
    private let link: HostLink
    private var shown: Ticket?

    /// None on a device that sends no SMS: without the port the core answers that by itself.
    init?(link: HostLink) {
        guard MFMessageComposeViewController.canSendText() else { return nil }
        self.link = link
    }

    nonisolated func send(ticket: Ticket, line: Line?, to: String, body: String) throws {
        Task { @MainActor in show(ticket, to, body) }
    }

    private func show(_ ticket: Ticket, _ number: String, _ body: String) {
        let scenes = UIApplication.shared.connectedScenes.compactMap { $0 as? UIWindowScene }
        guard shown == nil, let root = scenes.compactMap(\.keyWindow).first?.rootViewController else {
            return link.reply(to: ticket, .smsSent(ok: false))
        }
        shown = ticket
        let composer = MFMessageComposeViewController()
        composer.recipients = [number]
        composer.body = body
        composer.messageComposeDelegate = self
        root.present(composer, animated: true)
    }
}

extension SmsAdapter: @preconcurrency MFMessageComposeViewControllerDelegate {
    func messageComposeViewController(
        _ controller: MFMessageComposeViewController, didFinishWith result: MessageComposeResult
    ) {
        controller.dismiss(animated: true)
        // `sent` says that Messages took it, perhaps as an iMessage. What became of it is never told.
        if let shown { link.reply(to: shown, .smsSent(ok: result == .sent)) }
        shown = nil
    }
}
