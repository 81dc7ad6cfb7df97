#include "tests/lab/correspondence_proxy.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder::lab {
namespace {

constexpr std::size_t kMaxStreams = 32;   // a dialler that dials again and again into a held proxy
constexpr std::size_t kMaxWaiting = 256;  // messages in one direction of one stream; then the sender has to wait
constexpr absl::Duration kMaxHeldBack = absl::Milliseconds(100);  // there may be no successor
constexpr std::chrono::seconds kConnectWithin{1};

// What waits in one direction of one stream, in the order in which it will leave.
struct Line {
  explicit Line(std::uint64_t seed) : dice(seed) {}
  struct Item {
    v1::Message message;
    BootTime due;
    bool held_back = false;  // until the next message went first
  };
  std::mt19937_64 dice;
  std::deque<Item> waiting;
  std::deque<Item> aside;
  std::uint64_t aside_in = 0;  // how many releases there had been by then
  BootTime last_due = absl::InfinitePast();
  bool closed = false;  // nothing more comes in
};

class Proxy : public CorrespondenceProxy, private v1::CorrespondenceService::Service {
 public:
  explicit Proxy(const Options& options)
      : options_(options), channel_(MakeChannel(options.target)), stub_(v1::CorrespondenceService::NewStub(channel_)) {}

  ~Proxy() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      for (grpc::ClientContext* call : calls_) call->TryCancel();
      changed_.notify_all();
    }
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  absl::Status Listen() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);  // diallers ping
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ != nullptr && port_ != 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrFormat("the proxy cannot listen on %s", options_.listen));
  }

  int port() const override { return port_; }
  Counters counters() const override {
    std::lock_guard lock(mutex_);
    return counters_;
  }
  void Set(const Faults& faults) override {
    std::lock_guard lock(mutex_);
    faults_ = faults;
  }
  void Hold() override { SetHeld(true); }
  void Release() override {
    SetHeld(false);
    std::lock_guard lock(mutex_);
    ++releases_;
    changed_.notify_all();
  }

 private:
  using Down = grpc::ServerReaderWriter<v1::CorrespondResponse, v1::CorrespondRequest>;

  grpc::Status Correspond(grpc::ServerContext* context, Down* down) override {
    grpc::ClientContext call;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "the proxy stops"};
      if (calls_.size() >= kMaxStreams) return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"};
      calls_.insert(&call);
    }
    grpc::Status status = Forward(*context, *down, call);
    std::lock_guard lock(mutex_);
    calls_.erase(&call);
    return status;
  }

  grpc::Status Forward(grpc::ServerContext& context, Down& down, grpc::ClientContext& call) {
    if (!WaitReleased() || context.IsCancelled()) return grpc::Status::CANCELLED;
    if (!channel_->WaitForConnected(std::chrono::system_clock::now() + kConnectWithin)) {
      return {grpc::StatusCode::UNAVAILABLE, "the proxy does not reach " + options_.target};
    }
    const auto up = stub_->Correspond(&call);
    up->WaitForInitialMetadata();
    down.SendInitialMetadata();  // the dialling side takes the stream for open only now
    const std::uint64_t seed = options_.seed + 2 * CountStream();
    Line requests(seed);
    Line responses(seed + 1);
    std::thread request_reader([&] { Fill<v1::CorrespondRequest>(down, requests); });
    std::thread request_writer([&] {
      Drain<v1::CorrespondRequest>(requests, *up);
      up->WritesDone();
    });
    std::thread response_writer([&] { Drain<v1::CorrespondResponse>(responses, down); });
    Fill<v1::CorrespondResponse>(*up, responses);
    response_writer.join();
    Abandon(requests);
    context.TryCancel();  // the only way to end a read under way; it hides the target's status
    request_reader.join();
    request_writer.join();
    return up->Finish();
  }

  template <typename Envelope, typename From>
  void Fill(From& from, Line& line) {
    Envelope envelope;
    while (from.Read(&envelope)) Push(line, *envelope.mutable_message());
    std::lock_guard lock(mutex_);
    line.closed = true;
    changed_.notify_all();
  }

  template <typename Envelope, typename To>
  void Drain(Line& line, To& to) {
    Envelope envelope;
    while (std::optional<v1::Message> message = Take(line)) {
      *envelope.mutable_message() = *std::move(message);
      if (!to.Write(envelope)) break;
      std::lock_guard lock(mutex_);
      ++counters_.forwarded;
    }
    Abandon(line);  // a reader must not wait for room that nobody makes
  }

  void Push(Line& line, v1::Message& message) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || line.closed || line.waiting.size() < kMaxWaiting; });
    if (stopping_ || line.closed) return;
    if (faults_.change) faults_.change(message);
    if (Happens(line, faults_.drop)) {
      ++counters_.dropped;
      return;
    }
    counters_.duplicated += static_cast<std::uint64_t>(faults_.duplicates);
    for (int copy = 0; copy <= faults_.duplicates; ++copy) Enqueue(line, message);
    changed_.notify_all();
  }

  void Enqueue(Line& line, const v1::Message& message) {
    const double jitter = std::uniform_real_distribution<>(-1, 1)(line.dice);
    ++counters_.waiting;
    if (faults_.set_aside && faults_.set_aside(message)) {
      line.aside.push_back({.message = message, .due = clock_.Now()});
      line.aside_in = releases_;
      return;
    }
    line.last_due = std::max(line.last_due, clock_.Now() + faults_.delay + jitter * faults_.jitter);
    if (!line.waiting.empty() && line.waiting.back().held_back) {
      line.waiting.insert(line.waiting.end() - 1, {.message = message, .due = line.last_due});
      line.waiting.back().due = line.last_due;
      line.waiting.back().held_back = false;
      ++counters_.reordered;
      return;
    }
    const bool held_back = Happens(line, faults_.reorder);
    const BootTime due = line.last_due + (held_back ? kMaxHeldBack : absl::ZeroDuration());
    line.waiting.push_back({.message = message, .due = due, .held_back = held_back});
  }

  static bool Happens(Line& line, double share) { return std::bernoulli_distribution(share)(line.dice); }

  // The next message when it may leave; nothing once there will be no more.
  std::optional<v1::Message> Take(Line& line) {
    std::unique_lock lock(mutex_);
    while (!stopping_ && !(line.closed && line.waiting.empty())) {
      if (!line.aside.empty() && line.aside_in != releases_) {
        line.waiting.insert(line.waiting.begin(), line.aside.begin(), line.aside.end());
        line.aside.clear();
      }
      if (held_ || line.waiting.empty()) {
        changed_.wait(lock);
        continue;
      }
      const absl::Duration wait = line.waiting.front().due - clock_.Now();
      if (wait > absl::ZeroDuration()) {
        changed_.wait_for(lock, absl::ToChronoNanoseconds(wait));
        continue;
      }
      v1::Message message = std::move(line.waiting.front().message);
      line.waiting.pop_front();
      --counters_.waiting;
      changed_.notify_all();
      return message;
    }
    return std::nullopt;
  }

  void Abandon(Line& line) {
    std::lock_guard lock(mutex_);
    line.closed = true;
    counters_.waiting -= line.waiting.size() + line.aside.size();
    line.waiting.clear();
    line.aside.clear();
    changed_.notify_all();
  }

  // False when the proxy stops.
  bool WaitReleased() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !held_; });
    return !stopping_;
  }

  std::uint64_t CountStream() {
    std::lock_guard lock(mutex_);
    return ++counters_.streams;
  }

  void SetHeld(bool held) {
    std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

  const Options options_;
  const BootClock clock_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::CorrespondenceService::Stub> stub_;
  int port_ = 0;
  mutable std::mutex mutex_;  // guards all below but the server, and every line
  std::condition_variable changed_;
  Faults faults_;
  Counters counters_;
  bool held_ = false;
  std::uint64_t releases_ = 0;
  bool stopping_ = false;
  std::set<grpc::ClientContext*> calls_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CorrespondenceProxy>> CorrespondenceProxy::Start(const Options& options) {
  auto proxy = std::make_unique<Proxy>(options);
  if (absl::Status status = proxy->Listen(); !status.ok()) return status;
  return proxy;
}

}  // namespace minder::lab
