// Runs the work of a file (see benchmarks/files.py) with SimGrid; prints what came out and what it cost, as JSON.
//
//     workload FILE [SimGrid's own options]
//
// Computations are Execs on a host of 10^12 flop/s, so that a flop is a picosecond; moves are Comms from host to host.
// This is the leanest way through SimGrid's public interface: no actors, and an activity is made when its last
// predecessor has ended. (Made all at once and linked with add_successor, they take time in the square of their number:
// SimGrid 3.32 looks for each Comm that ends in a list of all that exist.) Latency is a timer before the Comm, since
// flows share SimGrid's links in proportion to 1/latency; that is also faster than latency of the links.

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>
#include <simgrid/version.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;
using Ints    = std::vector<int64_t>;

constexpr int64_t MAGIC   = 0x6b726f7775706773; // "sgpuwork"
constexpr double PS_PER_S = 1e12;
constexpr int64_t COMPUTE = 0, MOVE = 1;

[[noreturn]] static void fail(const std::string& why)
{
  std::cerr << "workload: " << why << "\n";
  std::exit(1);
}

static double cpu_s()
{
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + 1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// What the system says of this program's memory: VmRSS is held now, VmHWM was the most. (What getrusage calls the most
// includes the program that started this one.)
static long resident_bytes(const std::string& what)
{
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(what, 0) == 0)
      return 1024 * std::atol(line.c_str() + what.size());
  return 0;
}

// The arrays of the file.
struct Work {
  Ints kind, amount, where, follower_starts, followers;
  Ints queue_slots, channel_per_s, channel_latency_ps, route_starts, route_channels, route_latency_ps;
  Ints route_from, route_to;

  explicit Work(const char* path)
  {
    std::ifstream file(path, std::ios::binary);
    if (read(file) != MAGIC || not file)
      fail(std::string(path) + " is not a file of work; write one with benchmarks.files.write_case");
    for (Ints* array : {&kind, &amount, &where, &follower_starts, &followers, &queue_slots, &channel_per_s,
                        &channel_latency_ps, &route_starts, &route_channels, &route_latency_ps, &route_from, &route_to}) {
      array->resize(read(file));
      file.read(reinterpret_cast<char*>(array->data()), static_cast<std::streamsize>(array->size() * sizeof(int64_t)));
    }
    if (not file)
      fail(std::string(path) + " ends early; write it anew");
    for (size_t t = 0; t < kind.size(); t++)
      if (where[t] < 0 || (kind[t] != COMPUTE && kind[t] != MOVE))
        fail("task " + std::to_string(t) + " is neither a computation nor a move over a route; leave it out");
  }

private:
  static int64_t read(std::ifstream& file)
  {
    int64_t number = 0;
    file.read(reinterpret_cast<char*>(&number), sizeof number);
    return number;
  }
};

static std::vector<sg4::Host*> make_platform(const Work& work)
{
  auto* zone     = sg4::create_full_zone("zone");
  int64_t number = static_cast<int64_t>(work.queue_slots.size());
  for (const Ints* ends : {&work.route_from, &work.route_to})
    for (int64_t end : *ends)
      number = std::max(number, end + 1);
  std::vector<sg4::Host*> hosts;
  for (int64_t h = 0; h < number; h++)
    hosts.push_back(zone->create_host("host" + std::to_string(h), PS_PER_S)->seal());
  std::vector<sg4::Link*> links;
  for (size_t c = 0; c < work.channel_per_s.size(); c++) {
    auto* link = zone->create_link("link" + std::to_string(c), static_cast<double>(work.channel_per_s[c]));
    links.push_back(link->seal());
  }
  for (size_t r = 0; r < work.route_latency_ps.size(); r++) {
    std::vector<sg4::LinkInRoute> path;
    for (int64_t place = work.route_starts[r]; place < work.route_starts[r + 1]; place++)
      path.emplace_back(links[work.route_channels[place]]);
    zone->add_route(hosts[work.route_from[r]]->get_netpoint(), hosts[work.route_to[r]]->get_netpoint(), nullptr, nullptr,
                    path, false);
  }
  zone->seal();
  return hosts;
}

// Starts what is ready, and counts what is left to wait for.
class Run {
  const Work& work_;
  const std::vector<sg4::Host*> hosts_;
  std::vector<int32_t> waits_for_;
  std::vector<sg4::ActivityPtr> running_;
  sg4::ActivityPtr ended_; // SimGrid still uses an activity after it has told of its end

public:
  std::vector<double> end_s;

  explicit Run(const Work& work)
      : work_(work)
      , hosts_(make_platform(work))
      , waits_for_(work.kind.size())
      , running_(work.kind.size())
      , end_s(work.kind.size(), -1.0)
  {
    for (int64_t follower : work.followers)
      waits_for_[follower]++;
    sg4::Activity::on_completion_cb([this](const sg4::Activity& activity) { ended(task_of(activity)); });
    const auto waits_for = waits_for_;
    for (size_t t = 0; t < waits_for.size(); t++)
      if (waits_for[t] == 0)
        begin(t);
  }

private:
  static size_t task_of(const sg4::Activity& activity)
  {
    return reinterpret_cast<uintptr_t>(activity.get_data<void>());
  }

  void begin(size_t task)
  {
    if (work_.kind[task] == COMPUTE)
      compute(task);
    else if (const int64_t latency_ps = work_.route_latency_ps[work_.where[task]]; latency_ps > 0)
      simgrid::kernel::timer::Timer::set(sg4::Engine::get_clock() + latency_ps / PS_PER_S, [this, task] { move(task); });
    else
      move(task);
  }

  void compute(size_t task)
  {
    auto exec = sg4::Exec::init();
    running_[task] = exec;
    exec->set_data(reinterpret_cast<void*>(task));
    exec->set_flops_amount(static_cast<double>(work_.amount[task]))->set_host(hosts_[work_.where[task]])->start();
  }

  void move(size_t task)
  {
    auto comm = sg4::Comm::sendto_init();
    running_[task] = comm;
    comm->set_data(reinterpret_cast<void*>(task));
    comm->set_payload_size(static_cast<uint64_t>(work_.amount[task]));
    const int64_t route = work_.where[task];
    comm->set_source(hosts_[work_.route_from[route]])->set_destination(hosts_[work_.route_to[route]]); // and starts it
  }

  void ended(size_t task)
  {
    end_s[task] = sg4::Engine::get_clock();
    ended_      = std::move(running_[task]);
    for (int64_t place = work_.follower_starts[task]; place < work_.follower_starts[task + 1]; place++)
      if (const int64_t follower = work_.followers[place]; --waits_for_[follower] == 0)
        begin(follower);
  }
};

int main(int argc, char** argv)
{
  sg4::Engine engine(&argc, argv); // takes SimGrid's own options out of argv
  if (argc != 2)
    fail("call it as: workload FILE [SimGrid's own options]");
  const Work work(argv[1]);
  const long read_bytes = resident_bytes("VmRSS:");
  const double read_s   = cpu_s();
  const Run run(work);
  const double begun_s = cpu_s();
  engine.run();
  const double end_s = cpu_s();
  if (std::any_of(run.end_s.begin(), run.end_s.end(), [](double when) { return when < 0; }))
    fail("some tasks never ended");
  const double sum_s      = std::accumulate(run.end_s.begin(), run.end_s.end(), 0.0);
  const double makespan_s = *std::max_element(run.end_s.begin(), run.end_s.end());
  std::printf("{\"version\": \"%d.%d\", \"makespan_s\": %.17g, \"mean_end_s\": %.17g, \"cpu_s\": %.6f, "
              "\"loop_cpu_s\": %.6f, \"process_cpu_s\": %.6f, \"before_bytes\": %ld, \"peak_bytes\": %ld}\n",
              SIMGRID_VERSION_MAJOR, SIMGRID_VERSION_MINOR, makespan_s, sum_s / run.end_s.size(), end_s - read_s,
              end_s - begun_s, cpu_s(), read_bytes, resident_bytes("VmHWM:"));
}
