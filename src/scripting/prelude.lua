-- Builds what scripts see: `natives` are functions of the server's, `base` Lua's own globals.
-- Returns the globals themselves, the table scripts get in their place, another one for libraries being
-- loaded, and the globals with what is in the libraries that `natives.open` names, not protected, for
-- scripts of which is known that they only take fields from them.
local natives, base = ...
local error, type, concat, setmetatable = base.error, base.type, base.table.concat, base.setmetatable
local next, pairs, unpack = base.next, base.pairs, base.unpack

-- Protected tables are empty: what is in them is found through a metatable, so that writing to them
-- is always noticed. `[1]` marks them.
local contents = setmetatable({}, { __mode = "k" })
local function protect(content, shown)
  local protected = {}
  contents[protected] = content
  return setmetatable(protected, {
    [1] = natives.key,
    __index = content,
    __newindex = natives.readonly,
    __metatable = shown or false,
  })
end

local function copy(from)
  local to = {}
  for name, value in pairs(from) do to[name] = value end
  return to
end

-- Functions of the libraries' that return any number of values.
local several = {
  encode_sparse_array = true, unpack = true, unpack_one = true, unpack_limit = true,
}
local raising, raising_several = natives.raising, natives.raising_several
local raising_table = natives.raising_table

local globals = {}
for _, name in base.ipairs({
  "_VERSION", "assert", "error", "gcinfo", "ipairs", "rawequal", "rawget", "select", "tonumber",
  "tostring", "type", "unpack", "xpcall",
}) do
  globals[name] = base[name]
end
globals.pcall = natives.pcall
globals.rawset = natives.rawset
globals.setmetatable = natives.setmetatable
globals.loadstring = natives.loadstring
globals.collectgarbage = natives.collectgarbage

local getmetatable = base.getmetatable
globals.getmetatable = function(object)
  local metatable = getmetatable(object)
  if metatable == false then return nil end
  return metatable
end
globals.next = function(table, key)
  return next(contents[table] or table, key)
end
globals.pairs = function(table)
  local content = contents[table]
  if content then table = copy(content) end
  return pairs(table)
end
globals.rawget = function(table, key)
  return base.rawget(contents[table] or table, key)
end
globals.load = function(reader, name)
  local parts, count = {}, 0
  while true do
    local part = reader()
    if part == nil or part == "" then break end
    if type(part) ~= "string" then error("reader function must return a string", 2) end
    count = count + 1
    parts[count] = part
  end
  return natives.loadstring(concat(parts), name or "=(load)")
end

local function library(content) return protect(content) end
globals.string = library(base.string)
globals.table = library(base.table)
globals.coroutine = library(base.coroutine)
base.math.random = natives.random
base.math.randomseed = natives.randomseed
globals.math = library(base.math)
globals.os = library({ clock = natives.clock })

-- Strings find their methods in the library itself; scripts see its metatable protected.
local strings = getmetatable("")
strings.__metatable = protect({ __index = globals.string })

for name, content in pairs(natives.libraries) do
  local made = {}
  for field, value in pairs(content) do
    if type(value) == "function" then
      value = several[field] and raising_several(value) or raising(value)
    end
    made[field] = value
  end
  globals[name] = made
end
-- A new module is this one: settings last as long as a script, and nobody else sees them.
globals.cjson.new = function() return globals.cjson end
for _, name in base.ipairs({ "cjson", "cmsgpack", "struct", "bit" }) do
  globals[name] = library(globals[name])
end

local redis = copy(natives.constants)
redis.call = natives.call
redis.pcall = natives.pcall_command
redis.sha1hex = raising_table(natives.sha1hex)
redis.log = raising_table(natives.log)
redis.setresp = raising_table(natives.setresp)
redis.acl_check_cmd = raising_table(natives.acl_check_cmd)
redis.set_repl = raising_table(natives.set_repl)
local function single(field, prepare)
  return function(...)
    local text = ...
    if base.select("#", ...) ~= 1 or type(text) ~= "string" then
      return { err = natives.reply_arguments }
    end
    return { [field] = prepare(text) }
  end
end
local match, find, sub, byte = base.string.match, base.string.find, base.string.sub, base.string.byte
local function without_line_ends_around(text)
  local first, last = find(text, "[^\r\n]"), #text
  if not first then return "" end
  while byte(text, last) == 10 or byte(text, last) == 13 do last = last - 1 end
  return sub(text, first, last)
end
-- The text is what C sees of it: up to the first zero.
redis.error_reply = single("err", function(text)
  local code, message = match(text, "^%-?([^ %z]* )([^%z]*)")
  if not code then
    code, message = natives.error_code, match(text, "^%-?([^%z]*)")
  end
  return code .. without_line_ends_around(message)
end)
redis.status_reply = single("ok", function(text) return text end)
redis.replicate_commands = function() return true end
redis.breakpoint = function() return false end
redis.debug = function() end
globals.redis = library(redis)
globals.server = library(copy(redis))

-- What functions of a library see: the same, and a way to register them while it is loaded.
local loading = copy(globals)
local loader = copy(redis)
loader.register_function = raising_table(natives.register_function)
loading.redis = library(loader)
loading.server = library(copy(loader))

local function finish(content)
  local environment = protect(content, protect({}))
  content._G = environment
  setmetatable(content, { __index = natives.missing })
  return environment
end
local open = copy(globals)
for name in pairs(natives.open) do open[name] = contents[globals[name]] end
setmetatable(open, { __index = natives.missing })
local visible = finish(globals)
return globals, visible, finish(loading), open
