#include "common/config/file_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/config/yaml_tree.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Line numbers of the tests below count in this text.
constexpr char kGood[] = R"(cluster: shop
version: 7
data_centres:
  - {name: dc1, role: primary}
  - {name: dc2, role: secondary}
arbitrator: {name: judge, address: 192.0.2.10:7400, state_dir: /var/lib/minder}
dbservers:
  - name: node2
    data_centre: dc2
    address: 192.0.2.12:7401
    mysql_address: 192.0.2.12:3306
    state_dir: /var/lib/minder
    notify_socket: /run/minder/notify.sock
    data_dir: /var/lib/mysql
    mysql: {socket: /run/mysqld/mysqld.sock}
    manage: {mode: systemd, unit: mariadb.service}
  - name: node1
    data_centre: dc1
    address: 192.0.2.11:7401
    mysql_address: 192.0.2.11:3306
    state_dir: /var/lib/minder
    notify_socket: /run/minder/notify.sock
    data_dir: /var/lib/mysql
    mysql: {socket: /run/mysqld/mysqld.sock, user: watcher}
    manage:
      mode: child
      command: [/usr/sbin/mariadbd, --user=mysql]
      pid_file: /run/mysqld/mariadbd.pid
dbclients:
  - {name: lb1, address: 192.0.2.20:7402, haproxy: {socket: /run/haproxy/admin.sock, backend: galera}}
timings: {fresh_for: 4s}
)";

std::string Changed(const std::string& from, const std::string& to) {
  const std::string text = absl::StrReplaceAll(kGood, {{from, to}});
  EXPECT_NE(text, kGood) << "no '" << from << "' to change";
  return text;
}

bool IsMap(const google::protobuf::FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->file() == v1::Configuration::descriptor()->file();
}

// The lines of the error, none when there is none.
std::vector<std::string> ErrorsOf(const std::string& text) {
  const auto configuration = ParseConfiguration("f.yaml", text);
  if (configuration.ok()) return {};
  EXPECT_EQ(configuration.status().code(), absl::StatusCode::kInvalidArgument);
  return absl::StrSplit(configuration.status().message(), '\n');
}

TEST(FileConfig, ReadsSortsAndFillsIn) {
  const auto configuration = ParseConfiguration("f.yaml", kGood);
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  EXPECT_EQ(configuration->cluster(), "shop");
  EXPECT_EQ(configuration->version(), 7);
  ASSERT_EQ(configuration->dbservers_size(), 2);
  const v1::DbserverConfig& node1 = configuration->dbservers(0);
  EXPECT_EQ(node1.name(), "node1");
  EXPECT_EQ(node1.mysql().user(), "watcher");
  EXPECT_EQ(node1.manage().mode(), v1::ManageConfig::MODE_CHILD);
  EXPECT_THAT(node1.manage().command(), ElementsAre("/usr/sbin/mariadbd", "--user=mysql"));
  EXPECT_EQ(configuration->dbservers(1).mysql().user(), "minder");
  EXPECT_EQ(configuration->data_centres(0).role(), v1::DataCentre::ROLE_PRIMARY);
  EXPECT_EQ(configuration->dbclients(0).haproxy().backend(), "galera");
  EXPECT_EQ(configuration->timings().fresh_for().seconds(), 4);
  EXPECT_EQ(configuration->timings().probe_deadline().nanos(), 900'000'000);
  EXPECT_EQ(configuration->timings().report_interval().seconds(), 1);
  EXPECT_EQ(configuration->timings().resend_after().seconds(), 3);
}

TEST(FileConfig, TheSampleIsValidAndShowsTheDefaults) {
  const auto sample = FileConfig(MINDER_SAMPLE).Load();
  ASSERT_TRUE(sample.ok()) << sample.status();
  EXPECT_EQ(sample->dbservers_size(), 3);
  const auto without = ParseConfiguration("f.yaml", Changed("timings: {fresh_for: 4s}\n", ""));
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->timings().SerializeAsString(), sample->timings().SerializeAsString());
}

std::string DigestOf(const std::string& text) {
  const auto configuration = ParseConfiguration("f.yaml", text);
  EXPECT_TRUE(configuration.ok()) << configuration.status();
  return configuration.ok() ? configuration->digest() : "";
}

TEST(FileConfig, TheDigestTellsEveryChangeAndNothingElse) {
  const std::string digest = DigestOf(kGood);
  EXPECT_THAT(digest, SizeIs(32));
  EXPECT_EQ(DigestOf(Changed("cluster: shop\n", "cluster:   shop  # our cluster\n")), digest);
  EXPECT_EQ(DigestOf(Changed("  - {name: dc1, role: primary}\n  - {name: dc2, role: secondary}\n",
                             "  - {name: dc2, role: secondary}\n  - {name: dc1, role: primary}\n")),
            digest);
  EXPECT_NE(DigestOf(Changed("version: 7", "version: 8")), digest);
  EXPECT_NE(DigestOf(Changed("mysql_address: 192.0.2.12:3306", "mysql_address: 192.0.2.12:3307")), digest);
  EXPECT_NE(DigestOf(Changed("fresh_for: 4s", "fresh_for: 5s")), digest);
  EXPECT_NE(DigestOf(Changed("[/usr/sbin/mariadbd, --user=mysql]", "[/usr/sbin/mariadbd, --user, mysql]")), digest);
}

// So the next version of minder, which has more of them, agrees with this one about the same file.
TEST(FileConfig, DefaultsAreNoPartOfTheDigest) {
  EXPECT_NE(DigestOf(Changed("socket: /run/mysqld/mysqld.sock}", "socket: /run/mysqld/mysqld.sock, user: minder}")),
            DigestOf(kGood));
}

TEST(FileConfig, NobodyWritesTheDigest) {
  EXPECT_THAT(ErrorsOf(Changed("version: 7\n", "version: 7\ndigest: abc\n")),
              ElementsAre(AllOf(HasSubstr("f.yaml:3: digest: unknown key"), ::testing::Not(HasSubstr(", digest")))));
}

// "Message.key" of all that may be written in a file.
void AddKeysOf(const google::protobuf::Descriptor& message, std::set<std::string>& keys) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    if (field.type() == google::protobuf::FieldDescriptor::TYPE_BYTES) continue;  // no human writes it
    keys.insert(absl::StrFormat("%s.%s", message.name(), field.name()));
    if (IsMap(field)) AddKeysOf(*field.message_type(), keys);
  }
}

// The same, of what is written in `node`, which describes a `message`.
void AddKeysIn(const YamlNode& node, const google::protobuf::Descriptor& message, std::set<std::string>& keys) {
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const YamlNode& child = node.children[i];
    if (node.kind == YamlNode::Kind::kSequence) {
      AddKeysIn(child, message, keys);
      continue;
    }
    keys.insert(absl::StrFormat("%s.%s", message.name(), node.keys[i]));
    const google::protobuf::FieldDescriptor* field = message.FindFieldByName(node.keys[i]);
    if (field != nullptr && IsMap(*field)) AddKeysIn(child, *field->message_type(), keys);
  }
}

TEST(FileConfig, TheSampleShowsEveryKey) {
  std::string text = ReadFile(MINDER_SAMPLE).value();
  text.erase(0, text.find("\n\n"));  // what is no configuration
  // A key that is commented out has its "# " where its indentation ends.
  text = std::regex_replace(text, std::regex("(^|\n)( *)# ( *(- )?[a-z_]+:)"), "$1$2$3");
  const auto whole = ParseYaml("minder.yaml", text);
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::set<std::string> expected;
  std::set<std::string> shown;
  AddKeysOf(*v1::Configuration::descriptor(), expected);
  AddKeysIn(*whole, *v1::Configuration::descriptor(), shown);
  EXPECT_THAT(shown, ::testing::ContainerEq(expected));
  EXPECT_THAT(ErrorsOf(text), ::testing::IsEmpty()) << "what is commented out is valid, too";
}

TEST(FileConfig, DbclientsAndTimingsMayBeEmptyOrAbsent) {
  const std::string lb =
      "  - {name: lb1, address: 192.0.2.20:7402, haproxy: {socket: /run/haproxy/admin.sock, backend: galera}}\n";
  EXPECT_THAT(ErrorsOf(Changed(lb, "")), SizeIs(0));
  EXPECT_THAT(ErrorsOf(Changed("dbclients:\n" + lb, "")), SizeIs(0));
  EXPECT_THAT(ErrorsOf(Changed("dbclients:\n" + lb, "dbclients: []\n")), SizeIs(0));
  EXPECT_THAT(ErrorsOf(Changed(" {fresh_for: 4s}", "")), SizeIs(0));
}

struct OneError {
  const char* from;
  const char* to;
  const char* error;  // the beginning of the only line
};

class FileConfigError : public ::testing::TestWithParam<OneError> {};

TEST_P(FileConfigError, IsTheOnlyOneAndNamesLineKeyAndCure) {
  const OneError& param = GetParam();
  EXPECT_THAT(ErrorsOf(Changed(param.from, param.to)), ElementsAre(StartsWith(param.error)))
      << param.from << " -> " << param.to;
}

INSTANTIATE_TEST_SUITE_P(
    Table, FileConfigError,
    ::testing::Values(
        OneError{"cluster: shop\n", "", "f.yaml:1: cluster: is missing: add 'cluster: …'"},
        OneError{"cluster: shop", "cluster: 'a b'", "f.yaml:1: cluster: 'a b' is not a name"},
        OneError{"cluster: shop", "cluster:", "f.yaml:1: cluster: has no value"},
        OneError{"cluster: shop", "cluster: [shop]", "f.yaml:1: cluster: must be a single value"},
        OneError{"version: 7", "version: 0", "f.yaml:2: version: is missing or 0"},
        OneError{"version: 7", "version: -1", "f.yaml:2: version: '-1' is not a whole number"},
        OneError{"version: 7", "version: 1.5", "f.yaml:2: version: '1.5' is not a whole number"},
        OneError{"version: 7", "version: 99999999999999999999", "f.yaml:2: version: '99999999999999999999' is not"},
        OneError{"version: 7", "vresion: 7", "f.yaml:2: vresion: unknown key: did you mean 'version'?"},
        OneError{"version: 7", "version: 7\ncolour: red",
                 "f.yaml:3: colour: unknown key: remove it, or use one of cluster"},
        OneError{"version: 7", "version: 7\nversion: 7", "f.yaml:3: the key 'version' is there twice"},
        OneError{"version: 7", "version: 7\n<<: {}", "f.yaml:3: <<: unknown key"},
        OneError{"dc1, role: primary", "dc1, role: secondary", "f.yaml:3: data_centres: none is primary"},
        OneError{"dc2, role: secondary", "dc2, role: primary",
                 "f.yaml:5: data_centres[1].role: a second data centre is primary"},
        OneError{"dc2, role: secondary", "dc2, role: backup",
                 "f.yaml:5: data_centres[1].role: 'backup' is unknown: write one of primary, secondary"},
        OneError{"dc2, role: secondary", "dc2", "f.yaml:5: data_centres[1].role: is missing"},
        OneError{"  - {name: dc2,",
                 "  - {name: dc3, role: secondary}\n  - {name: dc3, role: secondary}\n  - {name: dc2,",
                 "f.yaml:6: data_centres[2].name: 'dc3' is also data_centres[1].name"},
        OneError{"arbitrator: {name: judge, address: 192.0.2.10:7400, state_dir: /var/lib/minder}", "arbitrator: judge",
                 "f.yaml:6: arbitrator: must be a map"},
        OneError{"name: judge, ", "", "f.yaml:6: arbitrator.name: is missing"},
        OneError{"192.0.2.10:7400", "192.0.2.10", "f.yaml:6: arbitrator.address: '192.0.2.10' has no port"},
        OneError{"192.0.2.10:7400", "0.0.0.0:7400", "f.yaml:6: arbitrator.address: '0.0.0.0:7400' cannot be dialled"},
        OneError{"name: judge", "name: judge, listen: here", "f.yaml:6: arbitrator.listen: 'here' has no port"},
        OneError{"- name: node2", "- name: node1", "f.yaml:17: dbservers[1].name: 'node1' is also dbservers[0].name"},
        OneError{"- name: node2", "- name: no+de", "f.yaml:8: dbservers[0].name: 'no+de' is not a name"},
        OneError{"data_centre: dc2", "data_centre: dc9",
                 "f.yaml:9: dbservers[0].data_centre: no data centre has the name 'dc9': write one of dc1, dc2 (did "
                 "you mean dc1?)"},
        OneError{"    data_centre: dc2\n", "", "f.yaml:8: dbservers[0].data_centre: is missing"},
        OneError{"192.0.2.12:7401", "192.0.2.11:7401",
                 "f.yaml:19: dbservers[1].address: '192.0.2.11:7401' is also dbservers[0].address"},
        OneError{"192.0.2.12:3306", "192.0.2.12:7401",
                 "f.yaml:11: dbservers[0].mysql_address: '192.0.2.12:7401' is also"},
        OneError{"192.0.2.20:7402", "192.0.2.10:7400",
                 "f.yaml:30: dbclients[0].address: '192.0.2.10:7400' is also arbitrator.address"},
        OneError{"    data_dir: /var/lib/mysql\n    mysql: {socket: /run/mysqld/mysqld.sock}",
                 "    data_dir: mysql\n    mysql: {socket: /run/mysqld/mysqld.sock}",
                 "f.yaml:14: dbservers[0].data_dir: 'mysql' is not an absolute path"},
        OneError{"mysql: {socket: /run/mysqld/mysqld.sock}", "mysql: {}",
                 "f.yaml:15: dbservers[0].mysql.socket: is missing"},
        OneError{"user: watcher", "user: watcher, password_file: pw",
                 "f.yaml:24: dbservers[1].mysql.password_file: 'pw' is not an absolute path"},
        OneError{"user: watcher", "user: watcher, password: secret",
                 "f.yaml:24: dbservers[1].mysql.password: unknown key"},
        OneError{"manage: {mode: systemd, unit: mariadb.service}", "manage: {}",
                 "f.yaml:16: dbservers[0].manage.mode: is missing"},
        OneError{"mode: systemd", "mode: docker",
                 "f.yaml:16: dbservers[0].manage.mode: 'docker' is unknown: write one of child, systemd"},
        OneError{", unit: mariadb.service", "", "f.yaml:16: dbservers[0].manage.unit: is missing"},
        OneError{"mariadb.service", "--now",
                 "f.yaml:16: dbservers[0].manage.unit: '--now' is not the name of a service"},
        OneError{"mariadb.service", "mariadb.service, pid_file: /run/x",
                 "f.yaml:16: dbservers[0].manage.pid_file: belongs to mode child"},
        OneError{"mariadb.service", "mariadb.service, command: [/bin/x]",
                 "f.yaml:16: dbservers[0].manage.command: belongs to mode child"},
        OneError{"mode: child", "mode: child\n      unit: x.service",
                 "f.yaml:27: dbservers[1].manage.unit: belongs to mode systemd"},
        OneError{"mode: child", "mode: child\n      systemctl_options: [--user]",
                 "f.yaml:27: dbservers[1].manage.systemctl_options: belongs to mode systemd"},
        OneError{"      command: [/usr/sbin/mariadbd, --user=mysql]\n", "",
                 "f.yaml:25: dbservers[1].manage.command: is missing"},
        OneError{"command: [/usr/sbin/mariadbd,", "command: [mariadbd,",
                 "f.yaml:27: dbservers[1].manage.command: 'mariadbd' is not an absolute"},
        OneError{"command: [/usr/sbin/mariadbd, --user=mysql]", "command: /usr/sbin/mariadbd",
                 "f.yaml:27: dbservers[1].manage.command: must be a list"},
        OneError{"--user=mysql]", "--wsrep_new_cluster]",
                 "f.yaml:27: dbservers[1].manage.command: '--wsrep_new_cluster' would start"},
        OneError{"--user=mysql]", "--user=mysql, null]", "f.yaml:27: dbservers[1].manage.command[2]: has no value"},
        OneError{"      pid_file: /run/mysqld/mariadbd.pid\n", "",
                 "f.yaml:25: dbservers[1].manage.pid_file: is missing"},
        OneError{", haproxy: {socket: /run/haproxy/admin.sock, backend: galera}",
                 ", haproxy: {socket: /run/haproxy/admin.sock}", "f.yaml:30: dbclients[0].haproxy.backend: is missing"},
        OneError{"backend: galera", "backend: 'galera;shutdown'",
                 "f.yaml:30: dbclients[0].haproxy.backend: 'galera;shutdown' is not"},
        OneError{"fresh_for: 4s", "fresh_for: 4",
                 "f.yaml:31: timings.fresh_for: '4' is not a duration: write for instance 900ms"},
        OneError{"fresh_for: 4s", "fresh_for: 1900ms",
                 "f.yaml:31: timings.fresh_for: 1.9s is not more than report_interval"},
        OneError{"fresh_for: 4s", "resend_after: 0s", "f.yaml:31: timings.resend_after: 0 is out of bounds"},
        OneError{"fresh_for: 4s", "resend_after: -3s", "f.yaml:31: timings.resend_after: -3s is out of bounds"},
        OneError{"fresh_for: 4s", "resend_after: 10000h",
                 "f.yaml:31: timings.resend_after: 10000h is out of bounds: write 10ms to 10m"},
        OneError{"timings: {", "garbds: [{name: node1}]\ntimings: {",
                 "f.yaml:31: garbds[0].name: 'node1' is a dbserver"},
        OneError{"timings: {", "garbds: [{name: garb, weight: 256}]\ntimings: {",
                 "f.yaml:31: garbds[0].weight: is above 255"},
        OneError{"timings: {", "promotion: {hold_down: 2m, longest_hold_down: 1m}\ntimings: {",
                 "f.yaml:31: promotion.longest_hold_down: 1m is out of bounds: write 2m to 24h"},
        OneError{"timings: {", "timings: {frehs_for: 1s, ",
                 "f.yaml:31: timings.frehs_for: unknown key: did you mean 'fresh_for'?"}));

TEST(FileConfig, AllErrorsAreToldInTheOrderOfLines) {
  const std::string text = absl::StrReplaceAll(
      kGood,
      {{"version: 7", "version: no"}, {"role: secondary", "role: primary"}, {"data_centre: dc1", "data_center: dc1"}});
  EXPECT_THAT(ErrorsOf(text),
              ElementsAre(StartsWith("f.yaml:2: version: 'no'"), StartsWith("f.yaml:5: data_centres[1].role"),
                          "f.yaml:18: dbservers[1].data_center: unknown key: did you mean 'data_centre'?"));
}

TEST(FileConfig, AnEmptyFileMissesEverythingAndSaysSo) {
  EXPECT_THAT(ErrorsOf(""), ElementsAre(HasSubstr("cluster"), HasSubstr("version"), HasSubstr("data_centres"),
                                        HasSubstr("arbitrator.name"), HasSubstr("arbitrator.address"),
                                        HasSubstr("arbitrator.state_dir"), HasSubstr("dbservers")));
  EXPECT_THAT(ErrorsOf("just text"),
              ElementsAre(HasSubstr("f.yaml:1: must be a map"), HasSubstr("cluster"), HasSubstr("version"),
                          HasSubstr(""), HasSubstr(""), HasSubstr(""), HasSubstr(""), HasSubstr("")));
}

TEST(FileConfig, AQuoteThatIsNotClosedIsAnError) {
  EXPECT_THAT(ErrorsOf(Changed("cluster: shop", "cluster: \"shop")), SizeIs(::testing::Ge(1)));
  EXPECT_THAT(ErrorsOf(Changed("timings: {fresh_for: 4s}", "timings: {fresh_for: \"4s}")), SizeIs(::testing::Ge(1)));
}

TEST(FileConfig, ADbclientWithoutABalancerMissesHaproxy) {
  EXPECT_THAT(ErrorsOf(Changed(", haproxy: {socket: /run/haproxy/admin.sock, backend: galera}", "")),
              ElementsAre(HasSubstr("haproxy.socket"), HasSubstr("haproxy.backend")));
}

TEST(FileConfig, AFloodOfErrorsIsCut) {
  std::string text = kGood;
  for (int i = 0; i < 1000; ++i) text += "key" + std::to_string(i) + ": 1\n";
  const auto errors = ErrorsOf(text);
  EXPECT_THAT(errors, SizeIs(51));
  EXPECT_EQ(errors.back(), "f.yaml: and 950 more");
}

TEST(FileConfig, NoMessageIsLongOrBinary) {
  const std::string text =
      Changed("cluster: shop", "cluster: " + std::string(500'000, 'x') + "\xff\n" + std::string(400'000, 'k') + ": 1");
  for (const std::string& error : ErrorsOf(text)) EXPECT_LT(error.size(), 500);
}

class FileConfigOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-config-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FileConfigOnDisk, ReadsAnewEachTime) {
  const std::string path = directory_ + "/minder.yaml";
  FileConfig config(path);
  std::ofstream(path) << kGood;
  EXPECT_EQ(config.Load().value().version(), 7);
  std::ofstream(path) << Changed("version: 7", "version: 8");
  EXPECT_EQ(config.Load().value().version(), 8);
}

TEST_F(FileConfigOnDisk, WhatIsNotASmallPlainFileIsNamed) {
  const std::string path = directory_ + "/minder.yaml";
  absl::Status status = FileConfig(path).Load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  status = FileConfig(directory_).Load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(directory_), HasSubstr("not a regular file")));
  std::ofstream(path) << std::string(1'048'577, '#');
  EXPECT_EQ(FileConfig(path).Load().status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace minder
