-- What `cargo xtask bench` has wrk send, and what wrk says of it afterwards.
--
-- BENCH_BODY is the body of every request, BENCH_HEADERS its headers, a `name: value` a line, and
-- BENCH_SESSIONS the ids of the sessions that the requests belong to in turn, or nothing.

local headers = {}
for name, value in os.getenv("BENCH_HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do
  headers[name] = value
end

wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers = headers

local sessions = {}
for id in os.getenv("BENCH_SESSIONS"):gmatch("%S+") do
  sessions[#sessions + 1] = id
end

-- Without sessions wrk builds its one request itself, and never comes back here for it.
if #sessions > 0 then
  local requests, turn = {}, 0

  function init()
    for i, id in ipairs(sessions) do
      wrk.headers["mcp-session-id"] = id
      requests[i] = wrk.format()
    end
  end

  function request()
    turn = turn % #requests + 1
    return requests[turn]
  end
end

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"errors":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout
  ))
end
