// bus/hub/requests.hpp - declares, binds, asks: changes of the model go through the log first.
#pragma once

#include <string>
#include <string_view>

#include "bus/codec/protocol.hpp"
#include "bus/hub/backups.hpp"
#include "bus/hub/dispatch.hpp"
#include "bus/hub/group.hpp"

namespace laban::hub {

// Threads: belongs to the hub's thread.
class Requests {
 public:
  Requests(Core& core, Group& group, Dispatch& dispatch)
      : core_(core), group_(group), dispatch_(dispatch), backups_(core) {}

  // Answers at once; what was gathered before is stored first, so that a bind is in force for what comes after it.
  void answer(Session& session, const codec::Request& request);

  // Deletes a queue and what hangs on it; false where the log cannot be written.
  bool remove_queue(QueueEntry& entry, std::string_view reason);

  // Declares what every hub has. Idempotent.
  void declare_own();

  // The session has ended.
  void leave(const Session& session) { backups_.leave(session); }
  void expire(Clock::time_point now) { backups_.expire(now); }

 private:
  using Answer = Backups::Answer;
  Answer handle(Session& session, const codec::Request& request);
  Answer change(const codec::Note& note);
  Answer declare(Session& session, const QueueSpec& spec);
  Answer declare(const ExchangeSpec& spec);
  Answer delete_queue(Session& session, std::string_view name);
  Answer save_cursor(const codec::SaveCursor& cursor);
  Answer delete_cursor(std::string_view name);
  Answer redrive(const codec::Redrive& redrive);
  Answer begin_backup(const Session& session);
  Answer erase(std::string_view instance);
  Answer keep_schemas(Session& session, const codec::Schemas& schemas);
  bool commit();

  Core& core_;
  Group& group_;
  Dispatch& dispatch_;
  Backups backups_;
};

}  // namespace laban::hub
