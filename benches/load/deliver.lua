-- One delivery per request, all different, for wrk. KEYED=1 gives each an Idempotency-Key of its own.
-- At the end one line of JSON: what was answered, in how long.

local number, run = 0, 0
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
end

function init()
  run = os.time() * 16 + thread_number
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["User-Agent"] = "load/1"
end

function request()
  number = number + 1
  if os.getenv("KEYED") == "1" then
    wrk.headers["Idempotency-Key"] = string.format("%d-%d", run, number)
  end
  local body = string.format(
    '{"order":%d,"customer":{"name":"Ada Lovelace","email":"ada@example.com"},"lines":[{"sku":"A-1","count":2,"price":"9.90"},'
      .. '{"sku":"B-7","count":1,"price":"120.00"}],"note":"leave it with the neighbours at number 12, please","currency":"EUR"}',
    number)
  return wrk.format(nil, nil, nil, body)
end

function done(summary, latency)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '{"answered":%d,"refused":%d,"broken":%d,"seconds":%.3f,"p50_ms":%.2f,"p99_ms":%.2f,"p999_ms":%.2f}\n',
    summary.requests, summary.errors.status, broken, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
