// bus/hub/loop.cpp - the cycle and its timers.
#include "bus/hub/loop.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "bus/hub/opening.hpp"
#include "bus/hub/version.hpp"
#include "bus/journal/descriptors.hpp"
#include "laban/error.hpp"

namespace laban::hub {
namespace {

constexpr std::chrono::milliseconds lazy_sync{100};     // how long written acknowledgements wait for a sync
constexpr std::chrono::milliseconds trouble_pause{50};  // between tries while the log takes nothing
constexpr std::size_t drain_cycles_max = 1'000;
constexpr int checkpoint_rounds_max = 8;
constexpr std::size_t dropped_reason_max = 64;
constexpr std::chrono::seconds checkpoint_for_retention{10};  // at most so often

}  // namespace

// The log is opened before anybody can connect, and sockets before the state is restored, so that a port in use is told
// without a wait.
Loop::Loop(const HubOptions& options, std::unique_ptr<transport::Server> server)
    : options_(options),
      access_(read_access(options_)),
      server_(server != nullptr ? std::move(server) : listen(options_, access_)),
      journal_(open_log(options_)),
      broker_(std::make_unique<Broker>(options_.limits, journal_->log_id())),
      probe_(broker_->totals()),
      sessions_(*server_, options_, probe_),
      feeds_(*server_, options_, probe_),
      core_{options_, *journal_, *broker_, sessions_, feeds_, probe_},
      group_(core_, [this] { server_->wake(); }),
      publishing_(core_, group_),
      dispatch_(core_, group_, publishing_),
      subscribing_(core_),
      requests_(core_, group_, dispatch_),
      retaining_(core_, group_, publishing_),
      erasing_(core_, group_, publishing_, dispatch_),
      ingest_(core_, *server_, access_ ? &*access_ : nullptr),
      endpoint_(server_->endpoint()),
      feeds_endpoint_(server_->feeds_endpoint()) {
  restore();
}

Loop::~Loop() = default;

void Loop::restore() {
  remarks_ = journal_->recovery().remarks;
  core_.not_before(journal_->last_recordedtime());
  std::uint64_t position = 0;
  if (const auto checkpoint = journal_->latest_checkpoint()) {
    broker_->restore(checkpoint->state);
    position = checkpoint->position;
  }
  journal_->scan(position, [&](const journal::Record& record) { broker_->apply(record); });
  core_.head = journal_->head();
  checkpoint_position_ = position;

  end_transient_queues();
  const codec::Started started{broker_->starts() + 1};
  group_.add_note(codec::Note{started});
  (void)broker_->apply(codec::Note{started}, core_.now());
  broker_->finish_recovery(core_.now());
  broker_->each_queue([&](QueueEntry& entry) {
    entry.dirty = false;
    core_.mark_dirty(entry);
  });
  dispatch_.gather();
  if (!group_.commit()) throw Error{Errc::storage, core_.storage_trouble};
  dispatch_.stored(true);
  group_.begin();
  requests_.declare_own();
  (void)dispatch_.deliver();  // plans what waits for time
  ready_ = true;
}

// What is not durable ended with the hub of before. What it held is accounted for as when any other queue goes.
void Loop::end_transient_queues() {
  broker_->each_queue([&](QueueEntry& entry) {
    const auto* spec = broker_->topology().queue(entry.id);
    if (spec == nullptr || (spec->durable && !spec->exclusive)) return;
    if (entry.queue.recovering()) entry.queue.finish_recovery(core_.now(), 1);
    dispatch_.close(entry, "the hub was started again");
  });
}

// --- the cycle

void Loop::run() {
  const auto now = Clock::now();
  next_ping_ = next_second_ = next_beat_ = now;
  next_checkpoint_ = now + options_.checkpoint_every;
  next_ledger_ = now + options_.ledger_every;
  while (!stop_ && !crash_) cycle();
  if (!crash_) drain();
  {
    const std::lock_guard lock{tasks_mutex_};
    ended_ = true;
  }
  run_tasks();
  ready_ = false;
}

void Loop::cycle() {
  server_->wait(busy_ ? std::chrono::milliseconds{0} : patience());
  busy_ = false;
  run_tasks();
  feeds_.admit_readers(core_.head, core_.now());
  if (ingest_.serve()) busy_ = true;
  const bool full = !receive();
  if (crash_) return;
  // The end of the sync wakes the loop. A full group waits for it here, and so do its publishers.
  if (!group_.syncing() || journal_->sync_done() || full) {
    store_next();
    frames_ = 0;
  }
  if (subscribing_.serve()) busy_ = true;
  reap();
  const bool idle = group_.idle();
  timers();
  // What timers had to say ends the wait; during a sync its end does.
  if (idle && !group_.idle() && !group_.syncing() && core_.storage_trouble.empty()) busy_ = true;
}

// False where the group is full.
bool Loop::receive() {
  const auto& limits = options_.limits;
  for (; frames_ < limits.group_frames && group_.bytes() < limits.group_bytes; ++frames_) {
    if (!server_->receive(peer_, group_.slot())) return true;
    probe_.heard_frame();
    handle(peer_, group_.slot());
  }
  busy_ = true;
  return false;
}

void Loop::store() {
  finish_storing();
  dispatch_.gather();
  storing_ = {};
  if (!group_.idle()) {
    storing_.wrote = !group_.empty();
    storing_.durably = group_.has_events() || dispatch_.needs_sync() || options_.sync == SyncMode::off;
    storing_.ok = group_.start(storing_.durably);
  }
  if (!group_.syncing()) tell(storing_);
}

// The group that was written is synced, at the latest now.
void Loop::finish_storing() {
  if (!group_.syncing()) return;
  group_.await();
  storing_.ok = group_.tell();
  tell(storing_);
}

void Loop::store_next() {
  bool ahead = false;
  if (group_.syncing()) {
    group_.await();
    auto synced = storing_;
    dispatch_.gather();
    ahead = group_.start_next();
    if (ahead) storing_ = {true, true, true};
    synced.ok = group_.tell();
    tell(synced);
  }
  dispatch_.advance(core_.now());
  if (!ahead) store();
}

void Loop::tell(const Storing& stored) {
  if (stored.ok && stored.wrote) {
    dispatch_.stored(stored.durably);
    unsynced_ = !stored.durably;
    if (stored.durably) last_sync_ = Clock::now();
  }
  if (dispatch_.deliver() && stored.ok) busy_ = true;
  group_.begin();
  subscribing_.tell_advance();
}

void Loop::reap() {
  if (sessions_.has_ended()) finish_storing();
  sessions_.reap([this](Session& session) {
    const bool clean = session.said_bye;
    dispatch_.leave(session, clean);
    subscribing_.leave(session);
    requests_.leave(session);
    publishing_.let_go(session, clean);
    std::vector<routing::QueueId> exclusive;
    broker_->each_queue([&](QueueEntry& entry) {
      if (entry.owner == session.number) exclusive.push_back(entry.id);
    });
    for (const auto id : exclusive) {
      if (QueueEntry* entry = broker_->queue(id)) (void)requests_.remove_queue(*entry, "its session has ended");
    }
    busy_ = true;
  });
}

// --- what clients say

void Loop::handle(const transport::Peer& peer, codec::Frame& frame) {
  auto decoded = codec::decode_client_message(frame);
  Session* session = sessions_.find(peer);
  const auto refuse = [&](codec::Refusal code, std::string_view text) {
    const codec::HubMessage message{codec::Refused{code, text, 0}};
    if (session != nullptr) {
      sessions_.send(*session, message);
    } else {
      sessions_.answer(peer, message);
    }
  };
  if (const auto* malformed = std::get_if<codec::Malformed>(&decoded)) {
    probe_.refused_malformed_frame();
    return refuse(codec::Refusal::malformed, malformed->what);
  }
  const auto& message = std::get<codec::ClientMessage>(decoded);
  // A connection that took over the name of another one is nobody until it says hello.
  if (session != nullptr && session->grants != nullptr && session->grants->principal != server_->principal()) {
    session = nullptr;
  }
  if (session != nullptr) session->heard = Clock::now();
  if (std::holds_alternative<codec::Unknown>(message)) {
    probe_.refused_unknown_frame();
    return refuse(codec::Refusal::unknown_message, "this hub does not know the message: upgrade the hub");
  }
  if (const auto* greeting = std::get_if<codec::Hello>(&message)) return hello(peer, *greeting);
  if (session == nullptr) {
    probe_.refused_frame_without_session();
    return refuse(codec::Refusal::no_session, "the hub does not know this session: say hello first");
  }
  act(*session, message);
}

void Loop::hello(const transport::Peer& peer, const codec::Hello& hello) {
  const auto refuse = [&](codec::Refusal code, const std::string& text) {
    probe_.refused_hello();
    sessions_.answer(peer, codec::HubMessage{codec::Refused{code, text, 0}});
  };
  if (hello.wire_version != codec::wire_version_now) {
    return refuse(codec::Refusal::wire_version, "the client speaks wire version " + std::to_string(hello.wire_version) +
                                                    ", this hub (" + version_text() + ") speaks " +
                                                    std::to_string(codec::wire_version_now) + ": upgrade the " +
                                                    (hello.wire_version < codec::wire_version_now ? "client" : "hub"));
  }
  // What an older holder of the producer said is stored first: the answer tells the last stored sequence.
  store();
  finish_storing();
  if (Session* older = sessions_.find(peer)) {
    older->said_bye = true;  // replaced, not dead: nobody is blamed
    sessions_.end(*older);
  }
  reap();
  if (sessions_.full()) {
    return refuse(codec::Refusal::limit, "the hub has its " + std::to_string(options_.limits.sessions_max) +
                                             " sessions: close some, or raise sessions_max");
  }
  Session& session = sessions_.open(peer, Clock::now());
  session.source = hello.source;
  if (access_) session.grants = access_->of(server_->principal());
  session.version = hello.version;
  session.id = hello.session;
  session.producer = hello.producer;
  session.named = hello.named;
  codec::Welcome welcome;
  welcome.last_sequence = publishing_.take_over(session);
  welcome.log_id = journal_->log_id();
  welcome.generation = journal_->generation();
  welcome.first_offset = journal_->first_offset();
  welcome.head = core_.head;
  welcome.generation_start = journal_->end_of_generation(journal_->generation() - 1);
  welcome.feeds = feeds_endpoint_;
  const auto ingest = server_->ingest_endpoint();
  welcome.ingest = ingest;
  welcome.lease_millis = static_cast<std::uint32_t>(options_.lease.count());
  const std::string version = version_text();
  welcome.version = version;
  sessions_.send(session, codec::HubMessage{welcome});
}

void Loop::act(Session& session, const codec::ClientMessage& message) {
  if (const auto* publish = std::get_if<codec::Publish>(&message)) return publishing_.publish(session, *publish);
  if (const auto* settle = std::get_if<codec::Settle>(&message)) return dispatch_.settle(session, *settle);
  finish_storing();
  if (const auto* dropped = std::get_if<codec::Dropped>(&message)) {
    ledger_dropped(session, *dropped);
  } else if (const auto* subscribe = std::get_if<codec::Subscribe>(&message)) {
    subscribing_.subscribe(session, *subscribe);
  } else if (const auto* replay = std::get_if<codec::Replay>(&message)) {
    subscribing_.replay(session, *replay);
  } else if (const auto* unsubscribe = std::get_if<codec::Unsubscribe>(&message)) {
    subscribing_.unsubscribe(session, unsubscribe->subscription);
  } else if (const auto* consume = std::get_if<codec::Consume>(&message)) {
    dispatch_.consume(session, *consume);
  } else if (const auto* cancel = std::get_if<codec::Cancel>(&message)) {
    dispatch_.cancel(session, cancel->consumer);
  } else if (const auto* request = std::get_if<codec::Request>(&message)) {
    requests_.answer(session, *request);
  } else if (std::holds_alternative<codec::Ping>(message)) {
    sessions_.send(session, codec::HubMessage{codec::Pong{core_.head, core_.now()}});
  } else if (std::holds_alternative<codec::Bye>(message)) {
    session.said_bye = true;
    sessions_.end(session);
  }
}

// What a client's own overflow policy took from it: nobody but the client can know.
void Loop::ledger_dropped(const Session& session, const codec::Dropped& dropped) {
  if (!session.subscriptions.contains(dropped.subscription) || dropped.count == 0 || dropped.from > dropped.to ||
      dropped.to > core_.head || dropped.count > dropped.to - dropped.from + 1) {
    return;
  }
  Loss loss;
  loss.why = "overflow";
  loss.whose = "subscription";
  loss.who = session.source;
  loss.from = dropped.from;
  loss.to = dropped.to;
  loss.count = dropped.count;
  for (const auto key : dropped.keys) add_key(loss.keys, key);
  loss.detail = dropped.reason.substr(0, dropped_reason_max);
  publishing_.lose_later(loss);
}

// --- time

void Loop::timers() {
  const auto now = Clock::now();
  sessions_.flush_backlogs();
  if (now >= next_beat_) {
    next_beat_ = now + options_.heartbeat_moving / 2;
    feeds_.heartbeat(core_.head, core_.now(), now);
  }
  if (now >= next_ping_) {
    next_ping_ = now + options_.ping;
    ping();
  }
  if (unsynced_ && !group_.syncing() && now - last_sync_ >= lazy_sync) {
    unsynced_ = !journal_->commit(journal::Durability::synced, core_.now());
    last_sync_ = now;
  }
  if (now >= next_second_ || journal_->position() - watched_position_ > options_.disk_free_min / 4) {
    watched_position_ = journal_->position();
    watch_disk();
  }
  if (now >= next_second_) {
    next_second_ = now + std::chrono::seconds{1};
    finish_storing();
    sessions_.expire(now);
    requests_.expire(now);
    probe_.connections_are(server_->connections());
    if (journal::files_exhausted()) probe_.no_file_could_be_opened();
    remove_unwanted();
    publishing_.forget_old(core_.now());
    retain(now);
  }
  if (erasing_.wanted()) {
    finish_storing();
    if (erasing_.tick(now)) busy_ = true;
  }
  if (now >= next_ledger_) {
    next_ledger_ = now + options_.ledger_every;
    publishing_.flush_losses();
  }
  if (now >= next_checkpoint_ || journal_->position() - checkpoint_position_ >= Retaining::checkpoint_bytes(options_)) {
    next_checkpoint_ = now + options_.checkpoint_every;
    save_checkpoint();
  }
}

void Loop::retain(Clock::time_point now) {
  if (retaining_.tick(now)) {
    next_second_ = now;
    busy_ = true;
  }
  if (!retaining_.wants_checkpoint()) return;
  // An idle hub has nothing new to save, and the older of two checkpoints would hold the log for ever.
  if (journal_->position() == checkpoint_position_) group_.add_note(codec::Note{codec::Retained{}});
  next_checkpoint_ =
      std::min(next_checkpoint_, now + std::min<Clock::duration>(options_.checkpoint_every, checkpoint_for_retention));
}

// A client that has vanished is noticed by an answer that cannot be sent.
void Loop::ping() {
  const codec::HubMessage pong{codec::Pong{core_.head, core_.now()}};
  const auto frame = codec::encode(pong);
  sessions_.for_each([&](Session& session) { sessions_.send(session, frame); });
}

void Loop::watch_disk() {
  const auto space = journal_->space();
  if (space.low && !core_.disk_low) {
    spdlog::warn("laban hub: {} bytes are free on the log's disk: publishing is refused until there are more",
                 space.free_bytes);
  }
  core_.disk_low = space.low;
  // Only a try can tell that a full disk has room again.
  if (!space.low && !journal_->failed()) core_.storage_trouble.clear();
  ready_ = core_.storage_trouble.empty() && !core_.disk_low;
}

void Loop::remove_unwanted() {
  for (QueueEntry* entry : dispatch_.unwanted(core_.now())) {
    (void)requests_.remove_queue(*entry, "it was not used");
  }
}

void Loop::save_checkpoint() {
  finish_storing();
  if (journal_->position() == checkpoint_position_ || journal_->failed()) return;
  // A checkpoint stands for the log up to its position: what queues have decided is written first.
  bool quiet = false;
  for (int round = 0; round < checkpoint_rounds_max && !quiet; ++round) {
    dispatch_.gather();
    if (!group_.idle() && !group_.commit()) return;
    dispatch_.stored(true);
    group_.begin();
    quiet = true;
    broker_->each_queue([&](const QueueEntry& entry) { quiet = quiet && !entry.queue.has_effects(); });
  }
  busy_ = true;
  if (!quiet || !journal_->commit(journal::Durability::synced, core_.now())) return;
  unsynced_ = false;
  std::vector<std::byte> state;
  broker_->save([&](std::span<const std::byte> piece) { state.insert(state.end(), piece.begin(), piece.end()); });
  const auto trouble = journal_->save_checkpoint(journal_->position(), state);
  if (!trouble.empty()) return spdlog::warn("laban hub: no checkpoint was saved: {}", trouble);
  checkpoint_position_ = journal_->position();
}

std::chrono::milliseconds Loop::patience() const {
  if (!core_.storage_trouble.empty()) return trouble_pause;
  const auto now = Clock::now();
  auto until = std::min({next_beat_, next_ping_, next_second_});
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now);
  // What is due while a sync is underway is done after it, and its end wakes the loop.
  if (const auto due = dispatch_.next_wakeup(); due != Timestamp{} && !group_.syncing()) {
    const auto left = due - std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(left));
  }
  return std::clamp(wait, std::chrono::milliseconds{0}, std::chrono::milliseconds{1'000});
}

// --- from other threads, and the end

bool Loop::post(std::function<void(Core&)> task) {
  {
    const std::lock_guard lock{tasks_mutex_};
    if (ended_) return false;
    tasks_.push_back(std::move(task));
  }
  server_->wake();
  return true;
}

void Loop::run_tasks() {
  std::vector<std::function<void(Core&)>> tasks;
  {
    const std::lock_guard lock{tasks_mutex_};
    tasks.swap(tasks_);
  }
  if (!tasks.empty() && !crash_) finish_storing();
  for (auto& task : tasks) task(core_);
}

void Loop::stop() {
  stop_ = true;
  server_->wake();
}

void Loop::crash() {
  crash_ = true;
  server_->wake();
}

void Loop::drain() {
  // What clients had sent is still taken; what they send now is answered by the next hub.
  for (std::size_t i = 0; i < drain_cycles_max; ++i) {
    const auto before = probe_.counters().frames_in;
    frames_ = 0;
    (void)receive();
    store();
    finish_storing();
    reap();
    if (probe_.counters().frames_in == before) break;
  }
  publishing_.flush_losses();
  store();
  finish_storing();
  const codec::HubMessage goodbye{codec::Refused{codec::Refusal::stopping, "the hub stops: connect again later", 0}};
  sessions_.for_each([&](Session& session) { sessions_.send(session, goodbye); });
  save_checkpoint();
  if (!journal_->close()) spdlog::warn("laban hub: the log was not closed cleanly: {}", journal_->failure());
}

}  // namespace laban::hub
