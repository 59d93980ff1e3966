import SwiftUI
import Tandem

@main
struct DemoApp: App {
    @UIApplicationDelegateAdaptor(Launch.self) private var launch

    var body: some Scene {
        WindowGroup { Tabs(model: launch.model) }
    }
}

/// A push may start the app without a window, so that the phone begins here and not with a view.
@MainActor
final class Launch: NSObject, UIApplicationDelegate {
    let model = PhoneModel()

    func application(
        _ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]?
    ) -> Bool {
        model.launch()
        return true
    }
}

struct Tabs: View {
    @Bindable var model: PhoneModel

    var body: some View {
        TabView {
            ContactsScreen(model: model).tabItem { Label("Contacts", systemImage: "person.2") }
            ConversationsScreen(model: model).tabItem { Label("Texts", systemImage: "message") }
            LogScreen(model: model).tabItem { Label("Calls", systemImage: "clock") }
            RegistrationScreen(model: model).tabItem { Label("Number", systemImage: "simcard") }
        }
        .sheet(item: $model.call) { call in CallScreen(model: model, call: call) }
        .alert("Tandem", isPresented: $model.hasNotice, presenting: model.notice) { _ in
            Button("OK") { model.notice = nil }
        } message: { notice in
            Text(notice)
        }
        // Above everything: a question of the core waits for the user, in a call as well.
        .overlay(alignment: .bottom) {
            if let prompt = model.prompts.first { PromptCard(model: model, prompt: prompt) }
        }
    }
}
