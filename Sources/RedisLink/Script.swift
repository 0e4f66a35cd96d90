// The scripts that Redis runs for us, each atomic. What is read and compared comes before the first
// write, so a refusal has changed nothing. Lua's numbers are doubles: ids, offsets and commit
// numbers travel as strings and are compared by equality only. A call blocks every client of the
// server, so the scripts do as little per user as they can.

/// A script and its text.
enum Script: Int, CaseIterable {
    case claim, commit, reply, meta

    var source: StaticString {
        switch self {
        case .claim: return Self.claimSource
        case .commit: return Self.commitSource
        case .reply: return Self.replySource
        case .meta: return Self.metaSource
        }
    }

    /// KEYS: position. ARGV: the new token, who takes it. Returns what was there before.
    private static let claimSource: StaticString = """
        #!lua
        local was = redis.call('HMGET', KEYS[1],
          'token', 'number', 'offset', 'fingerprint', 'owner')
        redis.call('HSET', KEYS[1], 'token', ARGV[1], 'owner', ARGV[2])
        return was
        """

    /// KEYS: position, the users, then those of them whose hashes are to be deleted first. ARGV:
    /// token, the number before, the number, offset, fingerprint; what `@` becomes in each user;
    /// per user four bytes of how many other fields and values it has; then all fields and values.
    /// Where the position is gone, token and all, Redis lost it. One `HSET` takes 2,000 fields:
    /// `unpack` ends at 8,000 values, the size of Lua's stack. Calls and arguments are what costs:
    /// each is a Lua string and an object of Redis. (Instructions of Redis for a user of one state:
    /// 25,700 with header and count of its own in a commit of 16 users, 20,700 now.)
    private static let commitSource: StaticString = """
        #!lua
        local call, keys, args = redis.call, KEYS, ARGV
        local at = call('HMGET', keys[1], 'token', 'number')
        if not at[1] then
          return redis.error_reply('ROLLED_BACK the position is gone')
        end
        if at[1] ~= args[1] then
          return redis.error_reply('FENCED the owner is another')
        end
        if (at[2] or '0') ~= args[2] then
          return redis.error_reply('ROLLED_BACK the number is ' .. (at[2] or '0'))
        end
        local header, counts, from = args[6], args[7], 8
        local users = #counts / 4
        if #keys > 1 + users then
          call('DEL', unpack(keys, 2 + users))
        end
        for user = 1, users do
          local key, n = keys[1 + user], struct.unpack('>i4', counts, 4 * user - 3)
          while n > 4000 do
            call('HSET', key, unpack(args, from, from + 3999))
            from, n = from + 4000, n - 4000
          end
          call('HSET', key, '@', header, unpack(args, from, from + n - 1))
          from = from + n
        end
        call('HSET', keys[1], 'number', args[3], 'offset', args[4], 'fingerprint', args[5])
        return args[3]
        """

    /// ARGV: lists, then as many replies. Returns each list's length, or the error of its push:
    /// only a list that the push reported gets an expiry, a key of another kind keeps the one it
    /// has. The lists are not declared as keys: of one declared key that our user may not touch
    /// Redis would refuse the whole call, and with it the answers of others.
    private static let replySource: StaticString = """
        #!lua
        local results = {}
        local count = #ARGV / 2
        for i = 1, count do
          local length = redis.pcall('RPUSH', ARGV[i], ARGV[count + i])
          if type(length) == 'number' then
            redis.call('PEXPIRE', ARGV[i], 60000)
          end
          results[i] = length
        end
        return results
        """

    /// KEYS: meta. ARGV: format, topic, partitions. Written where nothing is; returns what is
    /// there.
    private static let metaSource: StaticString = """
        #!lua
        if redis.call('EXISTS', KEYS[1]) == 0 then
          redis.call('HSET', KEYS[1], 'format', ARGV[1], 'topic', ARGV[2],
            'partitions', ARGV[3], 'generation', '1')
        end
        return redis.call('HMGET', KEYS[1], 'format', 'topic', 'partitions', 'generation')
        """
}
