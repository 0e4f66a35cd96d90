// What is said to the server first, in one write: who we are, which database, the scripts. `HELLO`
// would switch to RESP3, which hiredis 0.14 does not read.

/// One request of the handshake.
enum HandshakeStep {
    case authenticate
    case select
    case name
    case clientID
    case load(Script)

    static func steps(
        _ address: RedisAddress, _ settings: RedisConnection.Settings
    ) -> [HandshakeStep] {
        var steps: [HandshakeStep] = []
        if address.password != nil { steps.append(.authenticate) }
        if address.database != 0 { steps.append(.select) }
        steps.append(.name)
        steps.append(.clientID)
        if settings.loadsScripts { steps += Script.allCases.map { .load($0) } }
        return steps
    }

    func write(
        _ address: RedisAddress, _ settings: RedisConnection.Settings, to writer: inout RespWriter
    ) {
        switch self {
        case .authenticate:
            guard let password = address.password else { return }
            writer.command(["AUTH"] + (address.username.map { [$0] } ?? []) + [password])
        case .select: writer.command("SELECT", String(address.database))
        case .name: writer.command("CLIENT", "SETNAME", settings.name)
        case .clientID: writer.command("CLIENT", "ID")
        case .load(let script):
            writer.command(arguments: 3)
            writer.argument("SCRIPT" as StaticString)
            writer.argument("LOAD" as StaticString)
            writer.argument(script.source)
        }
    }

    /// A name and an id are good to have; a user who may not set or ask them can still work.
    func mayBeRefused(with error: RedisLinkError) -> Bool {
        switch self {
        case .name, .clientID: return error.kind == .permission || error.kind == .other
        case .authenticate, .select, .load: return false
        }
    }
}
