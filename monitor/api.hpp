// monitor/api.hpp - /api/v1 as in the contract: from a published instant to JSON.
//
// Threads:  any, several at a time.
// Errors:   throws HttpError for what the reader asked wrongly or what is not there.
#pragma once

#include <string>

#include "monitor/board.hpp"
#include "monitor/catalogue.hpp"
#include "monitor/edge/http/http_server.hpp"
#include "monitor/past.hpp"
#include "monitor/payloads.hpp"

namespace laban::monitor {

class Api {
 public:
  // Without `payloads`, events are answered without theirs.
  Api(Board& board, const Catalogue& catalogue, std::string version, Payloads* payloads = nullptr,
      TrackerOptions tracking = {});

  HttpResponse status(const HttpRequest& request) const;
  HttpResponse definitions(const HttpRequest& request) const;
  HttpResponse definition(const HttpRequest& request) const;  // captures: id
  HttpResponse instances(const HttpRequest& request) const;
  HttpResponse problems(const HttpRequest& request) const;
  HttpResponse services(const HttpRequest& request) const;
  HttpResponse instance(const HttpRequest& request) const;  // captures: id

  // The same as compact JSON, for the stream.
  std::string status_json(const Published& at) const;
  // Those of `at` that are not the same in `before`; all where there is no `before`.
  std::string definitions_json(const Published& at, const Snapshot* before) const;
  std::string instances_json(const Published& at, const std::vector<InstanceRow>& rows, bool more) const;

  void tidy() const { past_.tidy(); }

 private:
  Published asked(const HttpRequest& request) const;
  HttpResponse export_list(const HttpRequest& request, const Published& at, ListQuery query,
                           const std::string& format) const;

  Board& board_;
  const Catalogue& catalogue_;
  std::string version_;
  Payloads* payloads_;
  TrackerOptions tracking_;
  mutable Past past_;
};

}  // namespace laban::monitor
