// bus/client/model.cpp - what laban/model.hpp promises: one question, one answer.
#include "laban/model.hpp"

#include <future>

#include "bus/client/backup_files.hpp"
#include "bus/client/requests.hpp"
#include "bus/client/session.hpp"
#include "bus/transport/zmq_client.hpp"
#include "laban/error.hpp"

namespace laban {

namespace {

HubAddress checked(HubAddress hub) {
  return transport::resolved(std::move(hub));
}

client::SessionOptions session_options(const HubAddress& hub) {
  client::SessionOptions session;
  session.source = "laban";
  session.hub = hub.endpoint;
  return session;
}

}  // namespace

struct Model::Impl {
  Impl(HubAddress given, std::chrono::milliseconds wait_at_most)
      : hub(checked(std::move(given))),
        wait(wait_at_most),
        session(session_options(hub), transport::make_zmq_client(hub), signal),
        requests(std::make_shared<client::Requests>()) {
    session.add(requests);
  }

  std::string ask(client::Requests::What what) { return answer(std::move(what)).json; }

  client::Answer answer(client::Requests::What what) {
    const auto end = client::Clock::now() + wait;
    if (!session.wait_until_connected(wait)) throw Error(Errc::unreachable, session.absence());
    auto promise = std::make_shared<std::promise<client::Answer>>();
    auto future = promise->get_future();
    const auto id =
        requests->ask(std::move(what), [promise](const client::Answer& answer) { promise->set_value(answer); });
    session.nudge();
    while (future.wait_until(std::min(end, client::Clock::now() + std::chrono::milliseconds{100})) !=
           std::future_status::ready) {
      session.check();
      if (client::Clock::now() < end) continue;
      requests->forget(id);
      throw Error(Errc::unreachable, session.connected() ? "the hub at " + hub.endpoint + " did not answer in " +
                                                               std::to_string(wait.count()) + " ms: look at its log"
                                                         : session.absence());
    }
    client::Answer heard = future.get();
    if (heard.refused) throw Error(Errc::refused, heard.message);
    return heard;
  }

  const HubAddress hub;
  const std::chrono::milliseconds wait;
  client::Signal signal;
  client::Session session;
  std::shared_ptr<client::Requests> requests;
};

Model::Model(HubAddress hub, std::chrono::milliseconds wait) : impl_(std::make_unique<Impl>(std::move(hub), wait)) {}

Model::~Model() = default;

void Model::declare(const ExchangeSpec& exchange) {
  impl_->ask(exchange);
}

void Model::declare(const QueueSpec& queue) {
  impl_->ask(queue);
}

void Model::bind(const BindingSpec& binding) {
  impl_->ask(codec::Bind{binding});
}

void Model::unbind(const BindingSpec& binding) {
  impl_->ask(codec::Unbind{binding});
}

void Model::delete_exchange(std::string_view name) {
  impl_->ask(codec::DeleteExchange{name});
}

void Model::delete_queue(std::string_view name) {
  impl_->ask(codec::DeleteQueue{name});
}

std::string Model::redrive(std::string_view queue, bool dry_run, std::uint32_t limit) {
  return impl_->ask(codec::Redrive{queue, dry_run, limit});
}

void Model::save_cursor(std::string_view name, std::uint64_t offset, bool observer) {
  impl_->ask(codec::SaveCursor{name, offset, observer});
}

void Model::delete_cursor(std::string_view name) {
  impl_->ask(codec::DeleteCursor{name});
}

BackupReport Model::backup(const std::string& directory, const BackupProgress& progress) {
  constexpr std::uint32_t piece_bytes = 1u << 20;
  client::BackupFiles files{directory};  // before the hub is asked for anything
  codec::Frame frame;
  frame.assign(impl_->answer(codec::Backup{}).data);
  const auto decoded = codec::decode_backup_plan(frame);
  if (const auto* bad = std::get_if<codec::Malformed>(&decoded)) throw Error(Errc::malformed, bad->what);
  const auto& plan = std::get<codec::BackupPlan>(decoded);
  BackupReport report{plan.files.size(), 0, plan.head, plan.log_id, plan.generation};
  std::uint64_t all = 0;
  for (const auto& file : plan.files) all += file.bytes;
  for (std::uint32_t number = 0; number < plan.files.size(); ++number) {
    const auto& file = plan.files[number];
    files.begin(file.name);
    for (std::uint64_t at = 0; at < file.bytes;) {
      const auto piece = impl_->answer(codec::ReadBackup{plan.backup, number, at, piece_bytes}).data;
      if (piece.empty()) {
        throw Error(Errc::malformed, "the hub broke off in " + std::string{file.name} + ": begin the backup anew");
      }
      files.write(piece);
      at += piece.size();
      report.bytes += piece.size();
      if (progress) progress(report.bytes, all);
    }
    files.end();
  }
  files.finish();
  impl_->ask(codec::EndBackup{plan.backup});
  return report;
}

void Model::erase(std::string_view instance) {
  impl_->ask(codec::Erase{instance});
}

std::string Model::inspect(std::string_view what, std::string_view argument_json) {
  return impl_->ask(codec::Inspect{what, argument_json});
}

}  // namespace laban
