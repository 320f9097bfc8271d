package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/internal/faultproxy"
)

const (
	workers     = 3 // the first of them is never killed, to be looked at for leaks
	producers   = 2
	schedulers  = 2 // with a store; without one exactly one may run
	concurrency = 12
)

// A world is the processes of one experiment and the proxy between them.
type world struct {
	Config
	watch     *watcher
	proxy     *faultproxy.Proxy
	front     *http.Server
	addr      string // of the proxy
	queueAddr string // of the endpoint
	apiAddr   string // of the HTTP API
	prefix    string

	queue      *service // the emulator; nil where the endpoint is somebody else's
	api        *service
	workers    []*service
	schedulers []*service
	producers  []*service

	letters map[string]letter // by job
	counts  map[string]int    // events by name
	outages []interval        // of the store, by process
	steps   []interval        // of the clock
	told    map[int]bool      // workers that have been told to stop
	spared  map[int]time.Time // workers that live until then: they alone know what the store could not take
}

// An interval is a time in which something was not as it should be, for one process or, with 0, for all.
type interval struct {
	pid        int
	begin, end time.Time
}

// open brings up the endpoint and the proxy, with queues and without faults.
func open(ctx context.Context, cfg Config) (*world, error) {
	if cfg.Log == nil {
		cfg.Log = func(string, ...any) {}
	}
	w := &world{Config: cfg, watch: newWatcher(), queueAddr: cfg.Endpoint, letters: map[string]letter{}, counts: map[string]int{}, told: map[int]bool{}, spared: map[int]time.Time{}}
	w.prefix = "chaos-" + uuid.NewString()[:8] + "-"
	if cfg.Endpoint == "" {
		if err := w.startQueue(ctx); err != nil {
			return nil, err
		}
	}
	w.proxy = faultproxy.New(w.queueAddr, cfg.Seed, w.watch.see)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.close()
		return nil, err
	}
	w.addr = listener.Addr().String()
	w.front = &http.Server{Handler: w.proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.front.Serve(listener) }() // ends with close
	if _, err := w.core(ctx, "queues", "apply"); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) startQueue(ctx context.Context) error {
	var err error
	if w.queueAddr, err = freeAddr(); err != nil {
		return err
	}
	w.queue = w.service("emulator", roleCore, "local")
	w.queue.env = append(w.queue.env, "CORE_LOCAL_ADDR="+w.queueAddr)
	if err := w.queue.start(false); err != nil {
		return err
	}
	return w.awaitQueue(ctx)
}

// freeAddr is an address on which nothing listens.
func freeAddr() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitQueue waits until the emulator answers.
func (w *world) awaitQueue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.queueAddr+"/_core/health", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			return response.Body.Close()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the emulator does not answer: %w; see %s", ctx.Err(), w.Dir)
		}
	}
}

// service is a process of the program under test, which does not know of the proxy.
func (w *world) service(name, role string, args ...string) *service {
	env := []string{
		roleVar + "=" + role, "CORE_STATE_DIR=" + w.Dir, "CORE_LOG_LEVEL=warn", "CORE_QUEUE_PREFIX=" + w.prefix, "CORE_RESULTS=" + w.results(),
		"AWS_ENDPOINT_URL_SQS=http://" + w.addr, "AWS_ENDPOINT_URL_SCHEDULER=http://" + w.addr,
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
	}
	return &service{name: name, dir: w.Dir, env: env, args: args}
}

func (w *world) storePath() string {
	if !w.Store {
		return ""
	}
	return filepath.Join(w.Dir, "jobs.db")
}

func (w *world) results() string {
	if !w.Store {
		return "none"
	}
	return "sqlite://" + w.storePath()
}

// core runs a command to its end.
func (w *world) core(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	s := w.service("", roleCore, args...)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%v: %w: %s", args, err, out)
	}
	return string(out), nil
}

func (w *world) startAll() error {
	for i := range workers {
		if _, err := w.startWorker(i); err != nil {
			return err
		}
	}
	if err := w.startAPI(); err != nil {
		return err
	}
	for i := range schedulers {
		if i > 0 && !w.Store {
			break
		}
		s := w.service("scheduler-"+strconv.Itoa(i), roleCore, "scheduler")
		if err := s.start(false); err != nil {
			return err
		}
		w.schedulers = append(w.schedulers, s)
	}
	for i := range producers {
		asked := producing{
			name: strconv.Itoa(i), endpoint: "http://" + w.addr, api: "http://" + w.apiAddr, prefix: w.prefix, store: w.storePath(), seed: w.Seed<<8 + uint64(i),
			count: tries(w.Jobs / producers), rate: float64(w.Jobs/producers) / w.Duration.Seconds(),
		}
		s := w.service("producer-"+strconv.Itoa(i), roleProducer, asked.args()...)
		if err := s.start(true); err != nil {
			return err
		}
		w.producers = append(w.producers, s)
	}
	return nil
}

func (w *world) startWorker(i int) (*service, error) {
	s := w.service("worker-"+strconv.Itoa(i), roleCore, "worker", "--concurrency", strconv.Itoa(concurrency), "--shutdown-timeout", "5s", "--grace", "1s")
	if err := s.start(false); err != nil {
		return nil, err
	}
	w.workers = append(w.workers, s)
	return s, nil
}

func (w *world) startAPI() (err error) {
	if w.apiAddr, err = freeAddr(); err != nil {
		return err
	}
	w.api = w.service("api", roleCore, "run", "--addr", w.apiAddr)
	return w.api.start(false)
}

// close ends what still runs.
func (w *world) close() {
	for _, s := range slices.Backward(w.services()) {
		s.kill()
	}
	if w.proxy != nil {
		w.proxy.Close()
	}
	if w.front != nil {
		_ = w.front.Close() // its clients are gone
	}
}

// services are all processes, the endpoint first.
func (w *world) services() []*service {
	all := slices.Concat([]*service{w.queue, w.api}, w.workers, w.schedulers, w.producers)
	return slices.DeleteFunc(all, func(s *service) bool { return s == nil })
}
