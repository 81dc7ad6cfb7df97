#include "common/config/validate.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/config/bootstrap_flag.h"
#include "common/config/nearest.h"
#include "common/config/values.h"
#include "common/core/lease.h"

namespace minder {
namespace {

using google::protobuf::Duration;

constexpr absl::Duration kShortest = absl::Milliseconds(10);
constexpr absl::Duration kLongest = absl::Minutes(10);
constexpr absl::Duration kLongestHoldDown = absl::Hours(24);
constexpr std::size_t kLongestUser = 128;  // MariaDB: mysql.global_priv.User is char(128)

absl::Duration ToAbsl(const Duration& d) { return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos()); }

void SetDuration(Duration* target, absl::Duration value) {
  const timespec parts = absl::ToTimespec(value);
  target->set_seconds(parts.tv_sec);
  target->set_nanos(static_cast<int>(parts.tv_nsec));
}

// Collects the problems of one message; `Under` that of a part of it.
class Checker {
 public:
  Checker(std::vector<Problem>& problems, std::string path) : problems_(problems), path_(std::move(path)) {}

  Checker Under(std::string_view key) const { return Checker(problems_, Path(key)); }
  Checker Item(std::string_view key, int index) const { return Under(absl::StrFormat("%s[%d]", key, index)); }
  std::string Path(std::string_view key) const {
    return path_.empty() ? std::string(key) : absl::StrFormat("%s.%s", path_, key);
  }

  // `wrong` is what is wrong with the key, or "".
  void Check(std::string_view key, const std::string& wrong) const {
    if (!wrong.empty()) problems_.push_back({Path(key), wrong});
  }

  // True when there is a value to look at.
  bool Need(std::string_view key, const std::string& value) const {
    if (value.empty()) Check(key, absl::StrFormat("is missing: add '%s: …'", key));
    return !value.empty();
  }

  void Name(const std::string& value) const {
    if (Need("name", value)) Check("name", CheckName(value));
  }
  void Address(std::string_view key, const std::string& value) const {
    if (Need(key, value)) Check(key, CheckAddress(value, AddressUse::kDial));
  }
  void Listen(const std::string& value) const {
    if (!value.empty()) Check("listen", CheckAddress(value, AddressUse::kListen));
  }
  void File(std::string_view key, const std::string& value) const {
    if (Need(key, value)) Check(key, CheckAbsolutePath(value));
  }
  void Socket(std::string_view key, const std::string& value) const {
    if (Need(key, value)) Check(key, CheckSocketPath(value));
  }

 private:
  std::vector<Problem>& problems_;
  std::string path_;
};

// Says where a value was seen first, so that the second time is a problem.
class Unique {
 public:
  explicit Unique(std::string_view what) : what_(what) {}

  void See(const Checker& checker, std::string_view key, const std::string& value) {
    if (value.empty()) return;
    const auto [first, fresh] = seen_.emplace(value, checker.Path(key));
    if (fresh) return;
    checker.Check(key, absl::StrFormat("'%s' is also %s: each %s may be there once only", value, first->second, what_));
  }

 private:
  std::string what_;
  std::map<std::string, std::string> seen_;
};

template <typename Entries>
std::vector<std::string> NamesOf(const Entries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.name());
  return names;
}

void CheckDataCentres(const v1::Configuration& configuration, const Checker& top) {
  if (configuration.data_centres().empty()) {
    top.Check("data_centres", "is missing or empty: add '- {name: dc1, role: primary}' below it");
    return;
  }
  Unique names("data centre");
  int primaries = 0;
  for (int i = 0; i < configuration.data_centres_size(); ++i) {
    const v1::DataCentre& centre = configuration.data_centres(i);
    const Checker checker = top.Item("data_centres", i);
    checker.Name(centre.name());
    names.See(checker, "name", centre.name());
    if (centre.role() == v1::DataCentre::ROLE_UNSPECIFIED)
      checker.Check("role", "is missing: add 'role: primary' or 'role: secondary'");
    if (centre.role() == v1::DataCentre::ROLE_PRIMARY && ++primaries == 2) {
      checker.Check("role", "a second data centre is primary: make it secondary, for exactly one is preferred");
    }
  }
  if (primaries == 0) top.Check("data_centres", "none is primary: write 'role: primary' for the preferred one");
}

void CheckArbitrator(const v1::ArbitratorConfig& arbitrator, const Checker& checker, Unique& addresses) {
  checker.Name(arbitrator.name());
  checker.Address("address", arbitrator.address());
  addresses.See(checker, "address", arbitrator.address());
  checker.Listen(arbitrator.listen());
  checker.File("state_dir", arbitrator.state_dir());
}

void CheckMysql(const v1::MysqlConfig& mysql, const Checker& checker) {
  checker.Socket("socket", mysql.socket());
  if (mysql.user().size() > kLongestUser)
    checker.Check("user", "is longer than the 128 bytes that MariaDB takes: choose a shorter one");
  if (!mysql.password_file().empty()) checker.Check("password_file", CheckAbsolutePath(mysql.password_file()));
}

void CheckChild(const v1::ManageConfig& manage, const Checker& checker) {
  if (manage.command().empty()) {
    checker.Check("command", "is missing: mode child needs 'command: [/usr/sbin/mariadbd, …]'");
  } else if (const std::string wrong = CheckAbsolutePath(manage.command(0)); !wrong.empty()) {
    checker.Check("command", wrong);
  }
  const std::string flag = FindBootstrapFlag({manage.command().begin(), manage.command().end()});
  if (!flag.empty()) {
    checker.Check(
        "command",
        absl::StrFormat("'%s' would start a second cluster: remove it, for only an order of the arbitrator bootstraps",
                        flag.substr(0, 80)));
  }
  checker.File("pid_file", manage.pid_file());
  if (!manage.unit().empty()) checker.Check("unit", "belongs to mode systemd: remove it, or write 'mode: systemd'");
  if (!manage.systemctl_options().empty()) {
    checker.Check("systemctl_options", "belongs to mode systemd: remove it, or write 'mode: systemd'");
  }
}

// systemd.unit(5): the bytes that a unit's name is made of. A leading '-' would be read as an option.
std::string CheckUnit(const std::string& unit) {
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  if (unit.front() != '-' && unit.ends_with(".service") && unit.size() <= 255 &&
      std::all_of(unit.begin(), unit.end(), allowed))
    return "";
  return absl::StrFormat("'%s' is not the name of a service: write for instance mariadb.service", unit.substr(0, 80));
}

void CheckSystemd(const v1::ManageConfig& manage, const Checker& checker) {
  if (manage.unit().empty()) {
    checker.Check("unit", "is missing: mode systemd needs 'unit: mariadb.service' or the like");
  } else {
    checker.Check("unit", CheckUnit(manage.unit()));
  }
  if (!manage.command().empty()) checker.Check("command", "belongs to mode child: remove it, or write 'mode: child'");
  if (!manage.pid_file().empty()) checker.Check("pid_file", "belongs to mode child: remove it, or write 'mode: child'");
}

void CheckManage(const v1::ManageConfig& manage, const Checker& checker) {
  switch (manage.mode()) {
    case v1::ManageConfig::MODE_CHILD:
      return CheckChild(manage, checker);
    case v1::ManageConfig::MODE_SYSTEMD:
      return CheckSystemd(manage, checker);
    default:
      checker.Check("mode", "is missing: add 'mode: systemd' or 'mode: child'");
  }
}

void CheckDbserver(const v1::DbserverConfig& dbserver, const std::vector<std::string>& centres,
                   const Checker& checker) {
  checker.Name(dbserver.name());
  if (checker.Need("data_centre", dbserver.data_centre()) && !centres.empty() &&
      std::find(centres.begin(), centres.end(), dbserver.data_centre()) == centres.end()) {
    checker.Check("data_centre", absl::StrFormat("no data centre has the name '%s': write one of %s%s",
                                                 dbserver.data_centre().substr(0, 80), absl::StrJoin(centres, ", "),
                                                 DidYouMean(dbserver.data_centre(), centres)));
  }
  checker.Address("address", dbserver.address());
  checker.Listen(dbserver.listen());
  checker.Address("mysql_address", dbserver.mysql_address());
  checker.File("state_dir", dbserver.state_dir());
  checker.Socket("notify_socket", dbserver.notify_socket());
  checker.File("data_dir", dbserver.data_dir());
  if (!dbserver.watchdog().empty()) checker.Check("watchdog", CheckAbsolutePath(dbserver.watchdog()));
  CheckMysql(dbserver.mysql(), checker.Under("mysql"));
  CheckManage(dbserver.manage(), checker.Under("manage"));
}

void CheckDbservers(const v1::Configuration& configuration, const Checker& top, Unique& addresses) {
  if (configuration.dbservers().empty()) {
    top.Check("dbservers", "is missing or empty: list at least one dbserver");
  }
  const std::vector<std::string> centres = NamesOf(configuration.data_centres());
  Unique names("dbserver");
  for (int i = 0; i < configuration.dbservers_size(); ++i) {
    const v1::DbserverConfig& dbserver = configuration.dbservers(i);
    const Checker checker = top.Item("dbservers", i);
    CheckDbserver(dbserver, centres, checker);
    names.See(checker, "name", dbserver.name());
    addresses.See(checker, "address", dbserver.address());
    addresses.See(checker, "mysql_address", dbserver.mysql_address());
  }
}

// pc.weight goes up to 255 (galera: gcomm/src/defaults.cpp); a garbd without votes would be there for nothing.
void CheckGarbds(const v1::Configuration& configuration, const Checker& top) {
  const std::vector<std::string> dbservers = NamesOf(configuration.dbservers());
  Unique names("garbd");
  for (int i = 0; i < configuration.garbds_size(); ++i) {
    const v1::GarbdConfig& garbd = configuration.garbds(i);
    const Checker checker = top.Item("garbds", i);
    checker.Name(garbd.name());
    names.See(checker, "name", garbd.name());
    if (std::find(dbservers.begin(), dbservers.end(), garbd.name()) != dbservers.end())
      checker.Check("name", absl::StrFormat("'%s' is a dbserver: members of the cluster have names of their own",
                                            garbd.name().substr(0, 80)));
    if (garbd.weight() > 255) checker.Check("weight", "is above 255, the most that Galera takes: write its pc.weight");
  }
}

// HAProxy configuration manual, section 2: letters, digits, '-', '_', '.', ':'. Anything else would break its runtime
// API's commands.
std::string CheckBackend(const std::string& backend) {
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || std::string_view("-_.:").find(c) != std::string_view::npos;
  };
  if (backend.size() <= 128 && std::all_of(backend.begin(), backend.end(), allowed)) return "";
  return absl::StrFormat("'%s' is not the name of a backend: use letters, digits, '-', '_', '.' and ':'",
                         backend.substr(0, 80));
}

void CheckHaproxy(const v1::HaproxyConfig& haproxy, const Checker& checker) {
  checker.Socket("socket", haproxy.socket());
  if (checker.Need("backend", haproxy.backend())) checker.Check("backend", CheckBackend(haproxy.backend()));
}

void CheckDbclients(const v1::Configuration& configuration, const Checker& top, Unique& addresses) {
  Unique names("dbclient");
  for (int i = 0; i < configuration.dbclients_size(); ++i) {
    const v1::DbclientConfig& dbclient = configuration.dbclients(i);
    const Checker checker = top.Item("dbclients", i);
    checker.Name(dbclient.name());
    names.See(checker, "name", dbclient.name());
    checker.Address("address", dbclient.address());
    addresses.See(checker, "address", dbclient.address());
    checker.Listen(dbclient.listen());
    CheckHaproxy(dbclient.haproxy(), checker.Under("haproxy"));
  }
}

void CheckRange(const Checker& checker, std::string_view key, const Duration& value,
                absl::Duration shortest = kShortest, absl::Duration longest = kLongest) {
  const absl::Duration duration = ToAbsl(value);
  if (duration >= shortest && duration <= longest) return;
  checker.Check(key, absl::StrFormat("%s is out of bounds: write %s to %s", absl::FormatDuration(duration),
                                     absl::FormatDuration(shortest), absl::FormatDuration(longest)));
}

// A report tells of a probe that took up to probe_deadline, and the next one comes after report_interval: were it stale
// by then, a healthy node would be unknown half of the time.
void CheckTimings(const v1::Timings& timings, const Checker& checker) {
  CheckRange(checker, "report_interval", timings.report_interval());
  CheckRange(checker, "probe_deadline", timings.probe_deadline());
  CheckRange(checker, "fresh_for", timings.fresh_for());
  CheckRange(checker, "resend_after", timings.resend_after());
  const absl::Duration least = ToAbsl(timings.report_interval()) + ToAbsl(timings.probe_deadline());
  if (ToAbsl(timings.fresh_for()) > least) return;
  checker.Check(
      "fresh_for",
      absl::StrFormat(
          "%s is not more than report_interval + probe_deadline (%s), so a healthy report would be stale before "
          "the next one: write more, or make those shorter",
          absl::FormatDuration(ToAbsl(timings.fresh_for())), absl::FormatDuration(least)));
}

// A lease is renewed by a report and its ack; one that is lost on the way must not end a healthy mariadbd. What systemd
// starts again by itself, no guard can hold down.
void CheckPromotion(const v1::Configuration& configuration, const Checker& checker) {
  const v1::Promotion& promotion = configuration.promotion();
  CheckRange(checker, "order_validity", promotion.order_validity());
  CheckRange(checker, "hold_down", promotion.hold_down());
  CheckRange(checker, "longest_hold_down", promotion.longest_hold_down(), ToAbsl(promotion.hold_down()),
             kLongestHoldDown);
  CheckRange(checker, "lease_ttl", promotion.lease_ttl());
  if (!LeasesInUse(configuration)) return;
  const bool guards = GuardsInUse(configuration);
  const absl::Duration least =
      2 * ToAbsl(configuration.timings().report_interval()) + ToAbsl(configuration.timings().probe_deadline());
  if (ToAbsl(promotion.lease_ttl()) < least) {
    checker.Check("lease_ttl",
                  absl::StrFormat("%s is less than 2 * report_interval + probe_deadline (%s), so one lost "
                                  "report would end a healthy mariadbd: write more",
                                  absl::FormatDuration(ToAbsl(promotion.lease_ttl())), absl::FormatDuration(least)));
  }
  for (const v1::DbserverConfig& dbserver : configuration.dbservers()) {
    if (dbserver.manage().mode() != v1::ManageConfig::MODE_SYSTEMD) continue;
    checker.Check(guards ? "self_fence" : "tie",
                  absl::StrFormat("needs manage.mode child everywhere, and %s has systemd, which would start %s "
                                  "again: write off, or change the mode",
                                  dbserver.name(), guards ? "a fenced mariadbd" : "a mariadbd that was counted out"));
    return;
  }
}

template <typename Entries>
void Sort(Entries* entries) {
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name() < b.name(); });
}

}  // namespace

void FillDefaults(v1::Configuration& configuration) {
  v1::Timings& timings = *configuration.mutable_timings();
  if (!timings.has_report_interval()) SetDuration(timings.mutable_report_interval(), absl::Seconds(1));
  if (!timings.has_probe_deadline()) SetDuration(timings.mutable_probe_deadline(), absl::Milliseconds(900));
  if (!timings.has_fresh_for()) SetDuration(timings.mutable_fresh_for(), absl::Seconds(3));
  if (!timings.has_resend_after()) SetDuration(timings.mutable_resend_after(), absl::Seconds(3));
  v1::Promotion& promotion = *configuration.mutable_promotion();
  if (promotion.mode() == v1::Promotion::MODE_UNSPECIFIED) promotion.set_mode(v1::Promotion::MODE_AUTO);
  if (promotion.eviction() == v1::Promotion::SWITCH_UNSPECIFIED) promotion.set_eviction(v1::Promotion::SWITCH_ON);
  if (!promotion.has_order_validity()) SetDuration(promotion.mutable_order_validity(), absl::Seconds(2));
  if (!promotion.has_hold_down()) SetDuration(promotion.mutable_hold_down(), absl::Minutes(1));
  if (promotion.self_fence() == v1::Promotion::FENCE_UNSPECIFIED) promotion.set_self_fence(v1::Promotion::FENCE_OFF);
  if (promotion.tie() == v1::Promotion::SWITCH_UNSPECIFIED) promotion.set_tie(v1::Promotion::SWITCH_OFF);
  if (!promotion.has_lease_ttl()) SetDuration(promotion.mutable_lease_ttl(), absl::Seconds(10));
  if (!promotion.has_longest_hold_down()) SetDuration(promotion.mutable_longest_hold_down(), absl::Hours(1));
  for (v1::GarbdConfig& garbd : *configuration.mutable_garbds()) {
    if (garbd.weight() == 0) garbd.set_weight(1);
  }
  for (v1::DbserverConfig& dbserver : *configuration.mutable_dbservers()) {
    if (dbserver.mysql().user().empty()) dbserver.mutable_mysql()->set_user("minder");
  }
}

std::vector<Problem> Validate(const v1::Configuration& configuration) {
  std::vector<Problem> problems;
  const Checker top(problems, "");
  if (top.Need("cluster", configuration.cluster())) top.Check("cluster", CheckName(configuration.cluster()));
  if (configuration.version() == 0)
    top.Check("version", "is missing or 0: write 'version: 1', and raise it with every change");
  CheckDataCentres(configuration, top);
  Unique addresses("address");
  CheckArbitrator(configuration.arbitrator(), top.Under("arbitrator"), addresses);
  CheckDbservers(configuration, top, addresses);
  CheckGarbds(configuration, top);
  CheckDbclients(configuration, top, addresses);
  CheckTimings(configuration.timings(), top.Under("timings"));
  CheckPromotion(configuration, top.Under("promotion"));
  return problems;
}

void SortByName(v1::Configuration& configuration) {
  Sort(configuration.mutable_data_centres());
  Sort(configuration.mutable_dbservers());
  Sort(configuration.mutable_dbclients());
  Sort(configuration.mutable_garbds());
}

}  // namespace minder
