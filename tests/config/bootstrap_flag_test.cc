#include "common/config/bootstrap_flag.h"

#include <gtest/gtest.h>

namespace minder {
namespace {

using Command = std::vector<std::string>;

TEST(BootstrapFlag, FindsEverySpelling) {
  for (const char* flag : {
           "--wsrep-new-cluster", "--wsrep_new_cluster", "--wsrep-new_cluster=1", "--WSREP-NEW-CLUSTER",
           "--loose-wsrep-new-cluster", "--wsrep-new-clu", "--wsrep_ne", "--wsrep_cluster_address=gcomm://",
           "--wsrep-cluster-address=gcomm://?pc.wait_prim=no", "--wsrep-cluster-address='gcomm://'",
           "--wsrep-cluster-address=GCOMM://,", "--wsrep-provider-options=gcache.size=1G;pc.bootstrap=1",
           "--wsrep_provider_options=PC.Bootstrap = true", "--wsrep-provider-options=bootstrap=1",
           "pc.bootstrap=0",  // promotes too
       }) {
    EXPECT_EQ(FindBootstrapFlag({"/usr/sbin/mariadbd", flag, "--user=mysql"}), flag);
  }
}

TEST(BootstrapFlag, FindsValuesInTheNextArgumentAndInAShellLine) {
  EXPECT_EQ(FindBootstrapFlag({"mariadbd", "--wsrep-cluster-address", "gcomm://"}), "gcomm://");
  EXPECT_EQ(FindBootstrapFlag({"mariadbd", "--wsrep_provider_options", "bootstrap=1"}), "bootstrap=1");
  EXPECT_EQ(FindBootstrapFlag({"/usr/bin/galera_new_cluster"}), "/usr/bin/galera_new_cluster");
  EXPECT_NE(FindBootstrapFlag({"sh", "-c", "exec mariadbd --wsrep-new-cluster"}), "");
  EXPECT_NE(FindBootstrapFlag({"sh", "-c", "exec mariadbd --wsrep-cluster-address=gcomm:// --user=x"}), "");
}

TEST(BootstrapFlag, LeavesOrdinaryCommandsAlone) {
  EXPECT_EQ(FindBootstrapFlag({}), "");
  EXPECT_EQ(FindBootstrapFlag({"/usr/sbin/mariadbd", "--defaults-file=/etc/bootstrap/my.cnf", "--user=mysql",
                               "--wsrep-node-name=node1", "--wsrep_node_address=10.0.0.1", "--wsrep-on=ON",
                               "--wsrep-cluster-address=gcomm://10.0.0.1,10.0.0.2?pc.wait_prim=no",
                               "--wsrep-cluster-address=gcomm://[::1]:4567", "--wsrep-provider-options=pc.weight=2",
                               "--wsrep-cluster-name=shop"}),
            "");
}

}  // namespace
}  // namespace minder
