// tests/fault/soak/loss/history.cpp - one line a happening, words with spaces between; the first letter says what.
#include "tests/fault/soak/loss/history.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace laban::soak::loss {

namespace fs = std::filesystem;

namespace {

struct FileName {
  std::string name;
  int run = 0;
};

FileName split(const fs::path& file) {
  const auto text = file.filename().string();
  const auto dot = text.rfind('.');
  return {text.substr(0, dot), std::stoi(text.substr(dot + 1))};
}

void read_producer(std::istringstream& words, char what, ProducerRun& run) {
  if (what == 'L') {
    run.named = true;
    words >> run.last_sequence.emplace();
  } else if (what == 'a') {
    auto& attempt = run.attempts.emplace_back();
    words >> attempt.sequence >> attempt.id;
  } else if (what == 'c') {
    auto& confirmed = run.confirms.emplace_back();
    words >> confirmed.id >> confirmed.offset >> confirmed.synced >> confirmed.duplicate;
  } else if (what == 'r') {
    words >> run.refused.emplace_back();
  }
}

void read_subscriber(std::istringstream& words, char what, SubscriberRun& run) {
  if (what == 's') {
    words >> run.after.emplace();
  } else if (what == 'e') {
    auto& seen = run.seen.emplace_back();
    words >> seen.offset >> seen.id;
  } else if (what == 'x') {
    ++run.damaged;
  } else if (what == 'm') {
    std::getline(words >> std::ws, run.misses.emplace_back());
  }
}

Handling handling_of(std::istringstream& words, const std::string& queue, const std::string& consumer) {
  Handling one;
  one.queue = queue;
  one.consumer = consumer;
  words >> one.offset >> one.id >> one.key >> one.attempts >> one.redelivered >> one.at >> one.verdict >> one.damaged;
  return one;
}

}  // namespace

std::vector<std::string> whole_lines(const fs::path& file) {
  std::ifstream stream{file, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{stream}, {}};
  std::vector<std::string> lines;
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; from = end + 1, end = text.find('\n', from))
    lines.push_back(text.substr(from, end - from));
  return lines;
}

std::vector<fs::path> runs_of(const fs::path& directory, const std::string& name) {
  std::vector<fs::path> files;
  for (int run = 1; fs::exists(directory / (name + "." + std::to_string(run))); ++run)
    files.push_back(directory / (name + "." + std::to_string(run)));
  return files;
}

Histories read_histories(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{directory}) files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const auto left = split(a), right = split(b);
    return std::tie(left.name, left.run) < std::tie(right.name, right.run);
  });
  Histories all;
  for (const auto& file : files) {
    const auto [name, run] = split(file);
    const auto lines = whole_lines(file);
    if (lines.empty()) continue;  // it died before it did anything
    std::istringstream first{lines.front()};
    std::string role, word;
    first >> role;
    if (role == "producer") all.producers.push_back({name, run, false, {}, {}, {}, {}});
    if (role == "subscriber") {
      all.subscribers.push_back({name, run, {}, {}, {}, {}, 0});
      while (first >> word) all.subscribers.back().patterns.push_back(word);
    }
    if (role == "consumer") first >> word;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      std::istringstream words{lines[i]};
      char what = 0;
      words >> what;
      if (role == "producer") read_producer(words, what, all.producers.back());
      if (role == "subscriber") read_subscriber(words, what, all.subscribers.back());
      if (role == "consumer" && what == 'd') all.handlings.push_back(handling_of(words, word, file.filename()));
    }
  }
  return all;
}

HistoryWriter::HistoryWriter(const fs::path& directory, const std::string& name) {
  while (file_ < 0) {
    const auto file = directory / (name + "." + std::to_string(++run_));
    file_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0 && errno != EEXIST) throw std::runtime_error(file.string() + ": " + std::strerror(errno));
  }
}

HistoryWriter::~HistoryWriter() {
  ::close(file_);
}

void HistoryWriter::write(std::string line) {
  line += '\n';
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error(std::string{"cannot write the history: "} + std::strerror(errno));
}

std::string body_of(std::string_view id) {
  // Most are small, some take many pages.
  const auto hash = std::hash<std::string_view>{}(id);
  const std::size_t size = hash % 50 == 0 ? 40'000 : 16 + hash / 64 % 600;
  std::string body;
  while (body.size() < size) body += std::string{id} + '/' + std::to_string(body.size()) + ' ';
  return body;
}

bool has_its_body(const Event& event) {
  const std::string_view data{reinterpret_cast<const char*>(event.data().data()), event.data().size()};
  return data == body_of(event.id());
}

}  // namespace laban::soak::loss
