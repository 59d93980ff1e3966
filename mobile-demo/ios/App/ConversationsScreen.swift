import SwiftUI
import Tandem

/// Everybody there are texts with, contact or not, whoever had the newest first.
struct ConversationsScreen: View {
    let model: PhoneModel

    var body: some View {
        NavigationStack {
            VStack {
                List(model.conversations) { conversation in
                    NavigationLink(value: Correspondent(peer: conversation.peer, name: model.name(of: conversation.peer))) {
                        row(conversation)
                    }
                }
                if model.hasMoreConversations {
                    Button("Older") { model.readMoreConversations() }.padding()
                }
            }
            .navigationTitle("Texts")
            .navigationDestination(for: Correspondent.self) { whom in ThreadScreen(model: model, whom: whom) }
        }
    }

    private func row(_ conversation: Conversation) -> some View {
        VStack(alignment: .leading) {
            HStack {
                Text(model.name(of: conversation.peer))
                Spacer()
                if conversation.unread > 0 { Text("\(conversation.unread) unread").font(.caption) }
            }
            Text(words(conversation.newest.text)).font(.footnote).foregroundStyle(.secondary)
        }
    }

    private func words(_ newest: ThreadEntry) -> String {
        switch newest {
        case .written(let text): "You: " + text.body
        case .received(let text, _, _): text.body ?? "This text could not be opened"
        }
    }
}
