// monitor/api_answers.hpp - what every question of the API begins and ends with.
#pragma once

#include "monitor/api_json.hpp"
#include "monitor/board.hpp"
#include "monitor/edge/http/http_server.hpp"

namespace laban::monitor {

HttpResponse answer(const Json& document);
// The newest instant; HttpError(503) where there is none yet.
Published now(const Board& board);

}  // namespace laban::monitor
