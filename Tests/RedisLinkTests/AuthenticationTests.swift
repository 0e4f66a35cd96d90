import RedisLink
import TestSupport
import Testing

/// Passwords and users, right and wrong.
struct AuthenticationTests {
    private func address(
        _ server: RedisServer, user: String? = nil, password: String?
    ) -> RedisAddress {
        RedisAddress(.unix(path: server.socketPath), username: user, password: password)
    }

    @Test("The password of the default user lets in; a wrong one or none does not")
    func password() throws {
        let server = try RedisServer { $0.password = "s3cret" }
        let right = Link(address(server, password: "s3cret"))
        try right.becomeReady()
        for password in ["wrong", nil] {
            let link = Link(address(server, password: password))
            let failure = try link.failure()
            #expect(failure?.kind == .authentication)
            #expect(failure?.operation == .handshake)
            #expect(failure?.isRetriable == false)
        }
    }

    @Test("A password for a server that has none is a wrong one")
    func needless() throws {
        let server = try RedisServer()
        let link = Link(address(server, password: "s3cret"))
        let failure = try link.failure()
        #expect(failure?.kind == .authentication)
    }

    @Test("A user of the access list is let in by its own password only")
    func user() throws {
        let server = try RedisServer { $0.users = ["worker on >s3cret ~* &* +@all"] }
        let right = Link(address(server, user: "worker", password: "s3cret"))
        try right.becomeReady()
        let name = try right.ask("ACL", "WHOAMI")
        #expect(name == .text("worker"))
        for (user, password) in [("worker", "wrong"), ("other", "s3cret")] {
            let link = Link(address(server, user: user, password: password))
            let failure = try link.failure()
            #expect(failure?.kind == .authentication)
        }
    }

    @Test("A user who may not say its name works; one who may not load scripts is told")
    func permissions() throws {
        let server = try RedisServer {
            $0.users = [
                "quiet on >s3cret ~* &* +@all -client", "poor on >s3cret ~* &* +@all -script",
            ]
        }
        let quiet = Link(address(server, user: "quiet", password: "s3cret"))
        try quiet.becomeReady()
        #expect(quiet.clientID == nil)
        let poor = Link(address(server, user: "poor", password: "s3cret"))
        let failure = try poor.failure()
        #expect(failure?.kind == .permission)
        let client = Link(address(server, user: "poor", password: "s3cret")) {
            $0.loadsScripts = false
        }
        try client.becomeReady()
    }
}
