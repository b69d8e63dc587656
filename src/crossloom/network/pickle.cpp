// The opcodes are those of Python's pickle protocols 0 to 5 that containers and tensors need.
// Source: https://github.com/python/cpython/blob/main/Lib/pickletools.py
#include "crossloom/network/pickle.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "crossloom/core/errors.h"

namespace crossloom {
namespace {

using Kind = PickleValue::Kind;
using Items = std::vector<PickleValue>;

constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
constexpr std::int64_t kMaxPairs = std::int64_t{1} << 24;

[[noreturn]] void refuse(const std::string& why) {
  throw ConfigError("the pickle cannot be read (" + why +
                    "); save the state dict again with torch.save(model.state_dict(), path)");
}

PickleValue make(Kind kind, const std::string& text = "") {
  PickleValue value;
  value.kind = kind;
  value.text = text;
  return value;
}

PickleValue make_integer(std::int64_t number) {
  PickleValue value = make(Kind::kInteger);
  value.integer = number;
  return value;
}

at::ScalarType storage_type(const std::string& name) {
  static const std::map<std::string, at::ScalarType> types = {
      {"torch.FloatStorage", at::kFloat},
      {"torch.DoubleStorage", at::kDouble},
      {"torch.HalfStorage", at::kHalf},
      {"torch.BFloat16Storage", at::kBFloat16},
      {"torch.LongStorage", at::kLong},
      {"torch.IntStorage", at::kInt},
      {"torch.ShortStorage", at::kShort},
      {"torch.CharStorage", at::kChar},
      {"torch.ByteStorage", at::kByte},
      {"torch.BoolStorage", at::kBool}};
  const auto found = types.find(name);
  if (found == types.end()) refuse("a tensor is of the unknown type '" + name + "'");
  return found->second;
}

std::vector<std::int64_t> integers(const PickleValue& value) {
  std::vector<std::int64_t> numbers;
  if (value.items == nullptr) refuse("a tensor has no shape");
  for (const PickleValue& item : *value.items) {
    if (item.kind != Kind::kInteger || item.integer < 0) refuse("a tensor has no shape");
    numbers.push_back(item.integer);
  }
  return numbers;
}

/// The view of `storage` that starts at `offset`; refused unless it lies within.
Tensor view_of(const Tensor& storage,
               std::int64_t offset,
               const std::vector<std::int64_t>& sizes,
               const std::vector<std::int64_t>& strides) {
  std::int64_t last = offset;
  std::int64_t bound = 1;  // of the number of elements
  bool overflows = offset < 0 || sizes.size() != strides.size();
  for (std::size_t i = 0; i < sizes.size() && !overflows; ++i) {
    std::int64_t reach = 0;
    const std::int64_t size = std::max<std::int64_t>(sizes[i], 1);
    overflows |= __builtin_mul_overflow(bound, size, &bound) || bound > kMaxElements;
    overflows |= __builtin_mul_overflow(size - 1, strides[i], &reach);
    overflows |= __builtin_add_overflow(last, reach, &last);
  }
  const bool is_empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  if (overflows || (!is_empty && last >= storage.numel())) {
    refuse("a tensor does not lie within its storage");
  }
  if (is_empty) return at::empty(sizes, storage.scalar_type());
  return storage.as_strided(sizes, strides, offset).clone(at::MemoryFormat::Contiguous);
}

class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::function<std::string(const std::string&)>& records)
      : bytes_(bytes), read_record_(records) {}

  Pickle run() && {
    for (char opcode = take(1)[0]; opcode != '.'; opcode = take(1)[0]) step(opcode);
    PickleValue value = pop();
    return {std::move(value), std::move(containers_)};
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - position_) refuse("it is cut short");
    const std::string_view part = bytes_.substr(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return part;
  }

  /// A little-endian number of `Number`'s size.
  template <class Number>
  Number number() {
    Number value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string line() {
    const auto end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) refuse("it is cut short");
    std::string text(take(end - position_));
    take(1);
    return text;
  }

  PickleValue make_container(Kind kind) {
    PickleValue value = make(kind);
    value.items = &containers_.emplace_back();
    return value;
  }

  void push(PickleValue value) { stack_.push_back(std::move(value)); }

  PickleValue pop() {
    if (stack_.empty()) refuse("its stack is empty");
    PickleValue value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }

  PickleValue& top() {
    if (stack_.empty()) refuse("its stack is empty");
    return stack_.back();
  }

  /// The values above the last mark, which goes too.
  Items pop_to_mark() {
    std::size_t begin = stack_.size();
    while (begin > 0 && stack_[begin - 1].kind != Kind::kMark) --begin;
    if (begin == 0) refuse("a mark is missing");
    Items items(std::make_move_iterator(stack_.begin() + static_cast<std::ptrdiff_t>(begin)),
                std::make_move_iterator(stack_.end()));
    stack_.resize(begin - 1);
    return items;
  }

  Items pop_last(std::size_t count) {
    Items items(count);
    for (std::size_t i = count; i > 0; --i) items[i - 1] = pop();
    return items;
  }

  void push_tuple(Items items) {
    PickleValue tuple = make_container(Kind::kTuple);
    *tuple.items = std::move(items);
    push(std::move(tuple));
  }

  /// Adds `items` to the container on top; an object that is none ignores them.
  void add_items(Items items) {
    PickleValue& container = top();
    if (container.items == nullptr) return;
    container.items->insert(container.items->end(),
                            std::make_move_iterator(items.begin()),
                            std::make_move_iterator(items.end()));
  }

  void recall(std::uint64_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) refuse("it refers to a value that is not there");
    push(found->second);
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push(make(Kind::kOther, "int"));
    std::int64_t value = !digits.empty() && (digits.back() & 0x80) != 0 ? -1 : 0;
    std::memcpy(&value, digits.data(), digits.size());
    push(make_integer(value));
  }

  void step(char opcode) {
    if (!step_scalar(opcode) && !step_container(opcode) && !step_memo(opcode) &&
        !step_object(opcode)) {
      refuse("it has the unknown opcode " + std::to_string(static_cast<unsigned char>(opcode)));
    }
  }

  bool step_scalar(char opcode) {
    switch (opcode) {
      case '\x80':  // PROTO
        take(1);
        return true;
      case '\x95':  // FRAME
        take(8);
        return true;
      case 'N':  // NONE
        push(make(Kind::kOther, "None"));
        return true;
      case '\x88':  // NEWTRUE
      case '\x89':  // NEWFALSE
        push(make_integer(opcode == '\x88' ? 1 : 0));
        return true;
      case 'J':  // BININT
        push(make_integer(number<std::int32_t>()));
        return true;
      case 'K':  // BININT1
        push(make_integer(number<std::uint8_t>()));
        return true;
      case 'M':  // BININT2
        push(make_integer(number<std::uint16_t>()));
        return true;
      case '\x8a':  // LONG1
        push_long(take(number<std::uint8_t>()));
        return true;
      case 'G':  // BINFLOAT
        take(8);
        push(make(Kind::kOther, "float"));
        return true;
      case 'X':  // BINUNICODE
        push(make(Kind::kText, std::string(take(number<std::uint32_t>()))));
        return true;
      case '\x8c':  // SHORT_BINUNICODE
        push(make(Kind::kText, std::string(take(number<std::uint8_t>()))));
        return true;
      case '\x8d':  // BINUNICODE8
        push(make(Kind::kText, std::string(take(number<std::uint64_t>()))));
        return true;
      case 'U':  // SHORT_BINSTRING
      case 'C':  // SHORT_BINBYTES
        take(number<std::uint8_t>());
        push(make(Kind::kOther, "bytes"));
        return true;
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
        take(number<std::uint32_t>());
        push(make(Kind::kOther, "bytes"));
        return true;
      default:
        return false;
    }
  }

  bool step_container(char opcode) {
    switch (opcode) {
      case '(':
        push(make(Kind::kMark));
        return true;
      case ')':
        push(make_container(Kind::kTuple));
        return true;
      case '\x85':
      case '\x86':
      case '\x87':
        push_tuple(pop_last(static_cast<std::size_t>(opcode - '\x84')));
        return true;
      case 't':
        push_tuple(pop_to_mark());
        return true;
      case ']':
      case '\x8f':  // EMPTY_SET
        push(make_container(Kind::kList));
        return true;
      case '}':
        push(make_container(Kind::kDict));
        return true;
      case 'a':
        add_items(pop_last(1));
        return true;
      case 's':
        add_items(pop_last(2));
        return true;
      case 'e':
      case 'u':
      case '\x90':  // ADDITEMS
        add_items(pop_to_mark());
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        push(PickleValue(top()));
        return true;
      default:
        return false;
    }
  }

  bool step_memo(char opcode) {
    switch (opcode) {
      case 'q':
        memo_[number<std::uint8_t>()] = top();
        return true;
      case 'r':
        memo_[number<std::uint32_t>()] = top();
        return true;
      case '\x94': {  // MEMOIZE
        const std::uint64_t next = memo_.size();
        memo_[next] = top();
        return true;
      }
      case 'h':
        recall(number<std::uint8_t>());
        return true;
      case 'j':
        recall(number<std::uint32_t>());
        return true;
      default:
        return false;
    }
  }

  bool step_object(char opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string module = line();
        push(make(Kind::kGlobal, module + "." + line()));
        return true;
      }
      case '\x93': {  // STACK_GLOBAL
        const Items names = pop_last(2);
        push(make(Kind::kGlobal, names[0].text + "." + names[1].text));
        return true;
      }
      case 'R':     // REDUCE
      case '\x81':  // NEWOBJ
      {
        const Items call = pop_last(2);
        push(reduce(call[0], call[1]));
        return true;
      }
      case '\x92': {  // NEWOBJ_EX
        const Items call = pop_last(3);
        push(reduce(call[0], call[1]));
        return true;
      }
      case 'b':  // BUILD: the state of an object; tensors and dicts keep theirs
        pop();
        top();
        return true;
      case 'Q':  // BINPERSID
        push(read_storage(pop()));
        return true;
      default:
        return false;
    }
  }

  PickleValue reduce(const PickleValue& function, const PickleValue& arguments) {
    if (function.kind != Kind::kGlobal || arguments.items == nullptr) {
      return make(Kind::kOther, function.text);
    }
    const std::string& name = function.text;
    const Items& given = *arguments.items;
    if (name == "collections.OrderedDict") return make_dict(given);
    if (name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor") {
      return rebuild_tensor(given);
    }
    const bool is_parameter = name.rfind("torch._utils._rebuild_parameter", 0) == 0;
    if (is_parameter && !given.empty()) return given[0];
    return make(Kind::kOther, name);
  }

  /// Of nothing, or of a list of pairs.
  PickleValue make_dict(const Items& given) {
    PickleValue dict = make_container(Kind::kDict);
    if (given.empty() || given[0].items == nullptr) return dict;
    for (const PickleValue& pair : *given[0].items) {
      if (pair.items == nullptr || pair.items->size() != 2) refuse("a dict has no pairs");
      if (++num_pairs_ > kMaxPairs) refuse("its dicts have too many entries");
      dict.items->insert(dict.items->end(), pair.items->begin(), pair.items->end());
    }
    return dict;
  }

  static PickleValue rebuild_tensor(const Items& given) {
    if (given.size() < 4 || given[0].kind != Kind::kStorage || given[1].kind != Kind::kInteger) {
      refuse("a tensor has no storage");
    }
    PickleValue value = make(Kind::kTensor);
    value.tensor =
        view_of(given[0].tensor, given[1].integer, integers(given[2]), integers(given[3]));
    return value;
  }

  /// ("storage", type, key, device, number of elements)
  PickleValue read_storage(const PickleValue& id) {
    if (id.items == nullptr || id.items->size() < 3 || (*id.items)[0].text != "storage" ||
        (*id.items)[1].kind != Kind::kGlobal || (*id.items)[2].kind != Kind::kText) {
      refuse("it refers to something that is no storage");
    }
    PickleValue storage = make(Kind::kStorage, (*id.items)[2].text);
    const auto known = storages_.find(storage.text);
    if (known != storages_.end()) {
      storage.tensor = known->second;
      return storage;
    }
    const at::ScalarType type = storage_type((*id.items)[1].text);
    const std::string bytes = read_record_(storage.text);
    const auto count = static_cast<std::int64_t>(bytes.size() / c10::elementSize(type));
    storage.tensor = at::empty({count}, type);
    if (count > 0) std::memcpy(storage.tensor.data_ptr(), bytes.data(), storage.tensor.nbytes());
    storages_[storage.text] = storage.tensor;
    return storage;
  }

  std::string_view bytes_;
  const std::function<std::string(const std::string&)>& read_record_;
  std::size_t position_ = 0;
  Items stack_;
  std::map<std::uint64_t, PickleValue> memo_;
  std::map<std::string, Tensor> storages_;
  std::deque<Items> containers_;
  std::int64_t num_pairs_ = 0;
};

}  // namespace

Pickle read_pickle(std::string_view bytes,
                   const std::function<std::string(const std::string& key)>& read_record) {
  return Unpickler(bytes, read_record).run();
}

}  // namespace crossloom
