import SwiftUI
import Tandem

/// The phone book, with the marks of those who can be reached over data.
struct ContactsScreen: View {
    let model: PhoneModel

    var body: some View {
        NavigationStack {
            List(model.cards) { card in
                HStack {
                    if let peer = model.numbers(of: card).first {
                        NavigationLink(value: Correspondent(peer: peer, name: card.name)) { label(card) }
                    } else {
                        label(card)
                    }
                    Button("Call", systemImage: "phone") { model.dial(card) }
                        .labelStyle(.iconOnly)
                        .buttonStyle(.borderless)
                }
            }
            .navigationTitle("Contacts")
            .navigationDestination(for: Correspondent.self) { whom in ThreadScreen(model: model, whom: whom) }
            .refreshable { model.tell { try await $0.syncMarks() } }
            .overlay { if !model.isOnline { Offline() } }
        }
    }

    private func label(_ card: Card) -> some View {
        HStack {
            Text(card.name)
            Spacer()
            Mark(shown: model.mark(of: card))
        }
    }
}

/// What stands beside a name.
struct Mark: View {
    let shown: MarkShown

    var body: some View {
        switch shown {
        case .marked: Image(systemName: "checkmark.seal.fill").accessibilityLabel("Reachable over data")
        case .notSeenLately: Image(systemName: "checkmark.seal").accessibilityLabel("Not seen lately")
        case .unmarked: EmptyView()
        }
    }
}

struct Offline: View {
    var body: some View {
        VStack {
            Spacer()
            Text("Not connected").font(.footnote).padding(8)
        }
    }
}
