package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/coretasks/core/internal/chaos/clock"
	"github.com/coretasks/core/internal/faultproxy"
)

// What an event does.
const (
	killWorker    = "kill -9 of a worker"
	stopWorker    = "SIGTERM of a worker"
	killProducer  = "kill -9 of a producer"
	killScheduler = "kill -9 of a scheduler"
	killAPI       = "kill -9 of the HTTP API"
	killQueue     = "kill -9 of the emulator"
	stepQueue     = "clock step under the emulator"
	stepRestart   = "clock step over a restart of the emulator"
	stepOther     = "clock step under another process"
	fillQueue     = "full disk under the emulator"
	fillStore     = "full disk under a worker and its store"
	weather       = "network" // with the proxy's fault
)

// An event is one thing that goes wrong, at its time after the start.
type event struct {
	at     time.Duration
	what   string
	fault  faultproxy.Fault // of weather
	rate   float64          // of weather: the share of requests
	length time.Duration    // of weather and full disks
	victim int              // which of several processes
	step   time.Duration    // of the clock
}

// name is what an event counts as.
func (e event) name() string {
	if e.what == weather {
		return fmt.Sprintf("%s: %s", e.what, e.fault)
	}
	return e.what
}

// plan makes the events of a run from its seed.
func plan(cfg Config) []event {
	random := rand.New(rand.NewPCG(cfg.Seed, 1))
	kinds := []string{weather, weather, weather, weather, weather, weather, killWorker, killWorker, killWorker, stopWorker, killProducer, killScheduler, killAPI}
	if cfg.Endpoint == "" {
		kinds = append(kinds, killQueue, killQueue, fillQueue)
	}
	if clock.Supported {
		kinds = append(kinds, stepOther)
	}
	if clock.Supported && cfg.Endpoint == "" {
		kinds = append(kinds, stepQueue, stepRestart)
	}
	if cfg.Store {
		kinds = append(kinds, fillStore)
	}
	events := make([]event, cfg.Faults)
	for i := range events {
		e := event{
			at:     time.Duration(random.Int64N(int64(cfg.Duration))),
			what:   kinds[random.IntN(len(kinds))],
			victim: random.IntN(1 << 20),
			length: 500*time.Millisecond + time.Duration(random.Int64N(int64(2500*time.Millisecond))),
			step:   time.Duration([]int{-4, -3, -2, -1, 1, 2, 3, 4}[random.IntN(8)]) * time.Second,
		}
		if e.what == weather {
			e.fault = faultproxy.All()[i%len(faultproxy.All())] // each as often as any other
			e.rate = 0.05 + 0.5*random.Float64()
			if e.fault == faultproxy.Stall || e.fault == faultproxy.StallLate {
				e.rate /= 4 // each keeps its client waiting for half a minute
			}
		}
		events[i] = e
	}
	slices.SortFunc(events, func(a, b event) int { return int(a.at - b.at) })
	return events
}
