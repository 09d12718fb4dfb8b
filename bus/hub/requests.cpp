// bus/hub/requests.cpp - the model's changes, one at a time, each in the log before its answer.
#include "bus/hub/requests.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bus/codec/envelope.hpp"
#include "bus/codec/schema_compat.hpp"
#include "bus/hub/access.hpp"
#include "bus/hub/inspect.hpp"
#include "bus/hub/schema_gate.hpp"

namespace laban::hub {
namespace {

codec::Refusal refusal_of(routing::RefusalKind kind) {
  switch (kind) {
    case routing::RefusalKind::not_found:
      return codec::Refusal::not_found;
    case routing::RefusalKind::different:
      return codec::Refusal::different;
    case routing::RefusalKind::invalid:
      return codec::Refusal::invalid_address;
    case routing::RefusalKind::denied:
    case routing::RefusalKind::in_use:
      return codec::Refusal::denied;
    case routing::RefusalKind::limit:
      return codec::Refusal::limit;
    case routing::RefusalKind::none:
      break;
  }
  return codec::Refusal::unspecified;
}

std::string in_quotes(std::string_view name) {
  return "'" + std::string{name} + "'";
}

constexpr std::size_t cursor_name_bytes_max = 255;
constexpr std::size_t cursors_max = 100'000;
constexpr std::size_t schemas_max = 65'536;
constexpr std::size_t erasures_max = 10'000;

}  // namespace

bool Requests::commit() {
  dispatch_.gather();
  if (group_.idle()) return true;
  if (!group_.commit()) return false;
  dispatch_.stored(true);
  group_.begin();
  return true;
}

void Requests::answer(Session& session, const codec::Request& request) {
  auto answer = handle(session, request);
  codec::Reply reply;
  reply.id = request.id;
  reply.refused = answer.refused;
  reply.code = answer.code;
  reply.message = answer.message;
  reply.json = answer.json;
  reply.data = answer.data;
  core_.sessions.send(session, codec::HubMessage{reply});
}

Requests::Answer Requests::handle(Session& session, const codec::Request& request) {
  if (session.grants != nullptr) {
    auto objection = session.grants->objection(request, core_.broker.topology());
    if (!objection.empty()) return {true, codec::Refusal::denied, std::move(objection), {}, {}};
  }
  if (const auto* exchange = std::get_if<ExchangeSpec>(&request.what)) return declare(*exchange);
  if (const auto* queue = std::get_if<QueueSpec>(&request.what)) return declare(session, *queue);
  if (const auto* gone = std::get_if<codec::DeleteExchange>(&request.what)) {
    return change(codec::ExchangeDeleted{std::string{gone->name}});
  }
  if (const auto* gone = std::get_if<codec::DeleteQueue>(&request.what)) return delete_queue(session, gone->name);
  if (const auto* bind = std::get_if<codec::Bind>(&request.what)) return change(codec::Bound{bind->binding});
  if (const auto* unbind = std::get_if<codec::Unbind>(&request.what)) return change(codec::Unbound{unbind->binding});
  if (const auto* cursor = std::get_if<codec::SaveCursor>(&request.what)) return save_cursor(*cursor);
  if (const auto* gone = std::get_if<codec::DeleteCursor>(&request.what)) return delete_cursor(gone->name);
  if (const auto* redriven = std::get_if<codec::Redrive>(&request.what)) return redrive(*redriven);
  if (const auto* schemas = std::get_if<codec::Schemas>(&request.what)) return keep_schemas(session, *schemas);
  if (std::holds_alternative<codec::Backup>(request.what)) return begin_backup(session);
  if (const auto* read = std::get_if<codec::ReadBackup>(&request.what)) return backups_.read(session, *read);
  if (const auto* done = std::get_if<codec::EndBackup>(&request.what)) return backups_.end(session, done->backup);
  if (const auto* gone = std::get_if<codec::Erase>(&request.what)) return erase(gone->instance);
  if (const auto* asked = std::get_if<codec::Inspect>(&request.what)) {
    auto inspected = inspect(core_, std::string{asked->what}, std::string{asked->argument});
    if (inspected.known && inspected.found) return {false, {}, {}, std::move(inspected.json), {}};
    return {true,
            inspected.known ? codec::Refusal::not_found : codec::Refusal::unknown_message,
            std::move(inspected.why),
            {},
            {}};
  }
  return {true, codec::Refusal::unknown_message, "the hub does not know this request: upgrade the hub", {}};
}

// What has no effect is not written: it is tried on the way back only. The topology checks again when it is applied,
// here and at each restart, with the same outcome.
Requests::Answer Requests::change(const codec::Note& note) {
  if (!commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}};
  group_.add_wish(note);
  if (!group_.commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}};
  dispatch_.stored(true);
  group_.begin();
  const auto outcome = core_.broker.apply(note, core_.now());
  if (!outcome) return {true, refusal_of(outcome.refused), outcome.message, {}};
  return {};
}

Requests::Answer Requests::declare(const ExchangeSpec& spec) {
  const auto* known = core_.broker.topology().exchange(spec.name);
  if (known != nullptr && (spec.passive || routing::difference(*known, spec).empty())) return {};
  if (known == nullptr && spec.passive) {
    return {true, codec::Refusal::not_found, "exchange " + in_quotes(spec.name) + " is not declared: declare it", {}};
  }
  return change(spec);
}

Requests::Answer Requests::declare(Session& session, const QueueSpec& spec) {
  if (const auto* known = core_.broker.topology().queue(spec.name)) {
    QueueEntry* entry = core_.broker.queue(spec.name);
    if (entry != nullptr && entry->owner != 0 && entry->owner != session.number) {
      return {true, codec::Refusal::denied, "queue " + in_quotes(spec.name) + " is exclusive to another session", {}};
    }
    if (entry != nullptr) entry->queue.touch(core_.now());
    if (spec.passive || routing::difference(*known, spec).empty()) return {};
  } else if (spec.passive) {
    return {true, codec::Refusal::not_found, "queue " + in_quotes(spec.name) + " is not declared: declare it", {}};
  }
  auto answer = change(spec);
  if (!answer.refused && spec.exclusive) {
    if (QueueEntry* entry = core_.broker.queue(spec.name)) entry->owner = session.number;
  }
  return answer;
}

bool Requests::remove_queue(QueueEntry& entry, std::string_view reason) {
  const codec::QueueDeleted note{entry.name};
  dispatch_.close(entry, reason);
  return !change(note).refused;
}

Requests::Answer Requests::delete_queue(Session& session, std::string_view name) {
  QueueEntry* entry = core_.broker.queue(name);
  if (entry == nullptr) return {};  // as it was asked to be
  if (entry->name == parking_queue) {
    return {true, codec::Refusal::denied, "the parking queue belongs to the hub: purge it instead", {}};
  }
  if (entry->owner != 0 && entry->owner != session.number) {
    return {true, codec::Refusal::denied, "queue " + in_quotes(name) + " is exclusive to another session", {}};
  }
  if (!remove_queue(*entry, "its queue was deleted")) {
    return {true, codec::Refusal::storage, core_.storage_trouble, {}};
  }
  return {};
}

Requests::Answer Requests::save_cursor(const codec::SaveCursor& cursor) {
  if (cursor.name.empty() || cursor.name.size() > cursor_name_bytes_max) {
    return {true, codec::Refusal::invalid_address, "a cursor's name has 1 to 255 bytes: choose such a one", {}};
  }
  if (cursor.offset > core_.head) {
    return {true,
            codec::Refusal::not_found,
            "offset " + std::to_string(cursor.offset) + " is beyond the log's newest, " + std::to_string(core_.head) +
                ": save what was dealt with",
            {}};
  }
  const auto* known = core_.broker.cursor(cursor.name);
  if (known != nullptr && known->offset == cursor.offset && known->observer == cursor.observer) return {};
  if (known == nullptr && core_.broker.cursors().size() >= cursors_max) {
    return {true, codec::Refusal::limit, "the hub keeps too many cursors: delete some with laban cursors --delete", {}};
  }
  return change(codec::CursorSaved{std::string{cursor.name}, cursor.offset, cursor.observer});
}

Requests::Answer Requests::delete_cursor(std::string_view name) {
  if (core_.broker.cursor(name) == nullptr) {
    return {true, codec::Refusal::not_found, "there is no cursor " + in_quotes(name) + ": see laban cursors", {}};
  }
  return change(codec::CursorDeleted{std::string{name}});
}

Requests::Answer Requests::redrive(const codec::Redrive& redrive) {
  QueueEntry* entry = core_.broker.queue(redrive.queue);
  if (entry == nullptr) {
    return {true, codec::Refusal::not_found, "queue " + in_quotes(redrive.queue) + " is not declared", {}};
  }
  const std::size_t limit = redrive.limit;
  std::vector<std::uint64_t> offsets;
  if (redrive.dry_run) {
    for (const auto& message : entry->queue.parked(limit == 0 ? ~std::size_t{0} : limit)) {
      offsets.push_back(message.offset);
    }
  } else {
    if (!commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}};
    offsets = dispatch_.redrive(*entry, limit);
    if (!commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}};
  }
  const nlohmann::json report{
      {"queue", entry->name}, {"dryRun", redrive.dry_run}, {"messages", offsets.size()}, {"offsets", offsets}};
  return {false, {}, {}, report.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

Requests::Answer Requests::begin_backup(const Session& session) {
  if (!commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}, {}};
  return backups_.begin(session);
}

// The note makes it sure; asking again while it is underway asks for what came since.
Requests::Answer Requests::erase(std::string_view instance) {
  if (instance.empty() || instance.size() > codec::attribute_bytes_max) {
    return {true, codec::Refusal::invalid_address, "a process instance has 1 to 4096 bytes: give one", {}, {}};
  }
  if (core_.broker.erasures().size() >= erasures_max) {
    return {true, codec::Refusal::limit, "too many erasures are underway: ask again when some are done", {}, {}};
  }
  if (!commit()) return {true, codec::Refusal::storage, core_.storage_trouble, {}, {}};
  return change(codec::ErasureBegun{std::string{instance}, core_.head});
}

// A service whose types nobody else could read is told so before it has said anything.
Requests::Answer Requests::keep_schemas(Session& session, const codec::Schemas& schemas) {
  codec::SchemasKept fresh;
  std::vector<codec::Blob> blobs;
  for (const auto node : schemas.nodes) {
    std::vector<std::byte> bytes{node.begin(), node.end()};
    if (core_.broker.has_schema(bytes)) continue;
    fresh.nodes.push_back(std::move(bytes));
    blobs.push_back(node);
  }
  if (!fresh.nodes.empty()) {
    const std::vector<codec::Blob> kept{core_.broker.schemas().begin(), core_.broker.schemas().end()};
    const auto problems = codec::schema_problems(kept, blobs);
    if (!problems.empty()) {
      core_.probe.refused_schemas();
      auto text = incompatible_text(core_, problems);
      core_.sessions.send(session, codec::HubMessage{codec::Refused{codec::Refusal::incompatible, text, 0}});
      session.said_bye = true;  // refused, not dead
      core_.sessions.end(session);
      return {true, codec::Refusal::incompatible, std::move(text), {}, {}};
    }
  }
  for (const auto id : codec::schema_ids(schemas.nodes)) {
    if (std::find(session.types.begin(), session.types.end(), id) == session.types.end()) session.types.push_back(id);
  }
  if (fresh.nodes.empty()) return {};
  if (core_.broker.schemas().size() + fresh.nodes.size() > schemas_max) {
    return {
        true, codec::Refusal::limit, "the hub keeps too many schema nodes: announce only the types that are used", {}};
  }
  return change(std::move(fresh));
}

void Requests::declare_own() {
  if (core_.broker.queue(parking_queue) != nullptr) return;
  QueueSpec parking;
  parking.name = parking_queue;
  parking.keyed = false;
  (void)change(parking);
  (void)change(codec::Bound{{std::string{routing::parking_exchange}, parking.name, {}, "#", {}}});
}

}  // namespace laban::hub
