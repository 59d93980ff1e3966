import Foundation
import Security
import Tandem

/// The core's keys in the keychain: on this device only, in no backup, and readable from the first unlock on, because a push
/// may start the app while the phone is locked.
final class KeychainAdapter: KeyStorePort {
    private func item(_ name: String) -> [CFString: Any] {
        [
            kSecClass: kSecClassGenericPassword,
            kSecAttrService: "org.tandem.keys",
            kSecAttrAccount: name,
        ]
    }

    func get(name: String) throws -> Data? {
        var query = item(name)
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        // A locked keychain must not look like an empty one: the core would make new keys and lose its number.
        if status == errSecItemNotFound { return nil }
        try check(status)
        guard let secret = found as? Data else { throw HostError.Failed }
        return secret
    }

    func put(name: String, secret: Data) throws {
        let fresh: [CFString: Any] = [
            kSecValueData: secret,
            kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        let status = SecItemUpdate(item(name) as CFDictionary, fresh as CFDictionary)
        if status == errSecItemNotFound {
            let whole = item(name).merging(fresh) { _, new in new }
            try check(SecItemAdd(whole as CFDictionary, nil))
        } else {
            try check(status)
        }
    }

    private func check(_ status: OSStatus) throws {
        switch status {
        case errSecSuccess: return
        case errSecInteractionNotAllowed: throw HostError.Locked
        default: throw HostError.Failed
        }
    }
}
