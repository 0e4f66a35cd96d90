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

    /// KEYS: position, then the users. ARGV: token, the number before, the number, offset,
    /// fingerprint; what `@` becomes in each user; per user four bytes of how many other fields and
    /// values it has, n, or -1 - n if its hash is to be deleted first; then all fields and values.
    /// Where the position is gone, token and all, Redis lost it. One `HSET` takes 2,000 fields:
    /// `unpack` ends at 8,000 values, the size of Lua's stack. A value that comes once and not with
    /// each user is one that Redis need not make an object and a Lua string of (instructions of
    /// Redis for a user with one state: 25,700 with all of it in each of 16 users, 20,700 now).
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
        for i = 2, #keys do
          local key, n = keys[i], struct.unpack('>i4', counts, 4 * i - 7)
          if n < 0 then
            call('DEL', key)
            n = -1 - n
          end
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

    /// KEYS: lists. ARGV: as many replies. Returns each list's length, or the error of its push:
    /// only a list that the push reported gets an expiry, a key of another kind keeps the one it
    /// has.
    private static let replySource: StaticString = """
        #!lua
        local results = {}
        for i = 1, #KEYS do
          local length = redis.pcall('RPUSH', KEYS[i], ARGV[i])
          if type(length) == 'number' then
            redis.call('PEXPIRE', KEYS[i], 60000)
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
