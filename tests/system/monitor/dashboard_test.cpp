// tests/system/monitor/dashboard_test.cpp - the dashboard in a real browser, beside a hub and a monitor in this process.
#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <optional>

#include "laban/bus.hpp"
#include "monitor/monitor.hpp"
#include "tests/support/browser.hpp"
#include "tests/support/hub_fixture.hpp"

using namespace laban;
using namespace laban::test;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 60s;

struct Watched {
  explicit Watched(const std::string& program) : browser(program) {
    std::filesystem::create_directories(hub.directory / "definitions");
    std::ofstream(hub.directory / "definitions" / "order.yaml")
        << "process: order\nsteps:\n  - order.placed\n  - order.paid: {by: payment}\n  - order.sent\n";
    hub.start();
    monitor::MonitorOptions options;
    options.hub.endpoint = hub.hub->endpoint();
    options.definitions = hub.directory / "definitions";
    options.data = hub.directory / "monitor";
    options.http = "127.0.0.1:0";
    options.version = "test";
    watching = std::make_unique<monitor::Monitor>(options);
    BusOptions service;
    service.service = "payment";
    service.hub.endpoint = hub.hub->endpoint();
    service.linger = 100ms;
    bus.emplace(service);
  }
  void say(const std::string& instance, const std::string& type) {
    NewEvent event;
    event.type = type;
    event.correlationid = instance;
    REQUIRE(watching->wait_for(bus->publish_and_wait(std::move(event), limit).offset, limit));
  }
  std::string address(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(watching->http_port()) + path;
  }
  void no_complaints() const {
    CAPTURE(nlohmann::json(browser.complaints()).dump());
    CHECK(browser.complaints().empty());
  }

  HubFixture hub;
  std::unique_ptr<monitor::Monitor> watching;
  std::optional<Bus> bus;
  Browser browser;
};

std::unique_ptr<Watched> watched() {
  const auto program = browser_program();
  if (program) return std::make_unique<Watched>(*program);
  MESSAGE("SKIPPED: chromium is not installed (Debian package chromium)");
  return nullptr;
}

const char* const running = "document.querySelector('.numbers [data-kind=running] a').textContent";

}  // namespace

TEST_CASE("dashboard: instances move on the page without a reload (G149)") {
  const auto shop = watched();
  if (!shop) return;
  Browser& page = shop->browser;
  page.open(shop->address("/"));
  REQUIRE(page.eventually("document.querySelector('.process h3')"));
  page.evaluate("window.sameDocument = true");
  shop->say("o-1", "order.placed");
  shop->say("o-2", "order.placed");
  CHECK(page.eventually(std::string(running) + " === '2'"));
  CHECK(page.eventually("document.querySelector('.badge text').textContent === '2'"));
  shop->say("o-1", "order.paid");
  shop->say("o-1", "order.sent");
  CHECK(page.eventually(std::string(running) + " === '1'"));
  page.evaluate("document.querySelector('a[href=\"/instances\"]').click()");
  CHECK(page.eventually("document.querySelectorAll('table.instances tbody tr').length === 2"));
  page.evaluate("[...document.querySelectorAll('td .id, th .id')].find((a) => a.textContent === 'o-2').click()");
  CHECK(page.eventually("document.querySelector('.tags li').textContent.startsWith('order.paid')"));
  shop->say("o-2", "order.sent");
  CHECK(page.eventually("document.querySelector('.deviations li').textContent.includes('order.paid')"));
  CHECK(page.eventually("document.querySelectorAll('table.events tbody tr').length === 2"));
  CHECK(page.evaluate("window.sameDocument === true") == true);
  shop->no_complaints();
}

TEST_CASE("dashboard: no page loads from elsewhere, complains or is wider than the screen, wide and narrow (G149)") {
  const auto shop = watched();
  if (!shop) return;
  Browser& page = shop->browser;
  shop->say("o-1", "order.placed");
  shop->say("o-2", "order.sent");
  for (const int width : {1280, 390}) {
    page.resize(width, 800);
    for (const char* path :
         {"/", "/instances", "/instances?definition=order&step=order.placed&q=o", "/definitions/order", "/services",
          "/problems", "/instances/o-1", "/instances/o-2?view=timeline", "/instances/o-2?view=sequence"}) {
      CAPTURE(path);
      CAPTURE(width);
      page.open(shop->address(path));
      CHECK(page.eventually("location.href.endsWith(" + nlohmann::json(path).dump() +
                            ") && document.querySelector('#fresh').dataset.state === 'good'"));
      CHECK(page.eventually("document.querySelector('main h1') && !document.querySelector('main [role=alert]')"));
      CHECK(
          page.eventually("document.querySelectorAll('main article, main tbody tr, main li, main .empty').length > 0"));
      CHECK(page.eventually("document.documentElement.scrollWidth <= innerWidth"));
      CHECK(page.evaluate(
                "performance.getEntriesByType('resource').every((e) => e.name.startsWith(location.origin))") == true);
    }
  }
  shop->no_complaints();
}

TEST_CASE("dashboard: whatever a key or a type says is shown as text (G149)") {
  const auto shop = watched();
  if (!shop) return;
  Browser& page = shop->browser;
  const std::string key = "<script>owned=1</script>\"'><img src=x onerror=owned=1>../%2F?a=b#c";
  shop->say(key, "order.placed");
  shop->say(key, "order.sent");
  const std::string name = nlohmann::json(key).dump();
  page.open(shop->address("/instances"));
  CHECK(page.eventually("document.querySelector('th .id').textContent === " + name));
  page.evaluate("document.querySelector('th .id').click()");
  CHECK(page.eventually("document.querySelector('h1').textContent === " + name +
                        " && document.querySelector('.deviations li')"));
  CHECK(page.evaluate("decodeURIComponent(location.pathname.slice('/instances/'.length)) === " + name) == true);
  page.evaluate("location.reload()");
  CHECK(page.eventually("document.querySelectorAll('table.events tbody tr').length === 2"));
  CHECK(page.evaluate("typeof owned === 'undefined' && !document.querySelector('main script, main img')") == true);
  shop->no_complaints();
}
