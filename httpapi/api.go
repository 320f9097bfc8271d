package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// Defaults and limits.
const (
	// DefaultMaxBody is SQS's 1 MiB with room for white space, which is not sent on.
	DefaultMaxBody = 1<<20 + 64<<10
	// DefaultMaxStreams is how many event streams and waiting requests are served at once.
	DefaultMaxStreams = 4096
	// DefaultStoreReads is how many records a second are read for all who watch.
	DefaultStoreReads = 500
	// MaxWait is the longest ?wait=.
	MaxWait = time.Minute
)

// Config sets up an [API]. Registry and Sender are required.
type Config struct {
	// Registry holds the tasks that can be enqueued.
	Registry *tasks.Registry
	// Sender puts jobs on their queues. It is the plain one: with a Store, New wraps it in [results.Track].
	Sender tasks.Sender
	// Store has the records of jobs. Without one the routes of /jobs answer 501.
	Store results.Store
	// Queues counts the messages of the queues, for GET /queues; without it that route answers 501. With sqsqueue it is
	// [sqsqueue.Depths]. It is asked at most once in two seconds, for all who ask meanwhile.
	Queues func(context.Context) ([]sqsqueue.Depth, error)
	// Ages tells GET /queues how old the oldest messages are. Without it, and while it fails, oldest_seconds is null.
	Ages Ages
	// Ready reports whether what the API needs can be reached, for GET /readyz, where joined errors are reasons of their
	// own. It is asked at most once a second. The default is the store's Ping.
	Ready func(context.Context) error

	// Token must be sent as a bearer token with every request but those of /healthz and /readyz. When it is empty, only
	// clients on this machine are served.
	Token string
	// Authorize decides instead of Token which requests are served, for programs that mount the handler behind their own
	// sign-in. /healthz and /readyz are always served.
	Authorize func(*http.Request) bool
	// TrustedOrigins are those of web pages on other hosts that may send state-changing requests
	// ("https://app.example.com").
	TrustedOrigins []string

	// BasePath is the prefix that the handler is mounted under with [http.StripPrefix], such as "/api"; links begin with
	// it. The default is none.
	BasePath string
	// MaxBody bounds a request's body, in bytes. The default is [DefaultMaxBody].
	MaxBody int64
	// MaxStreams bounds the event streams and waiting requests at one time; more are answered with 503. The default is
	// [DefaultMaxStreams].
	MaxStreams int
	// StoreReads bounds how many records a second are read for event streams and waiting requests together. A job that is
	// watched is read 10 times a second while it changes and once a second while it does not, or less often where this
	// limit is reached. The default is [DefaultStoreReads].
	StoreReads int

	// Registerer is where the metrics are registered, Gatherer what GET /metrics shows. By default both are a registry of
	// the API's own, with the metrics of the Go runtime and the process. Give both or neither.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	// Logger gets requests (at debug level), failures and panics, without parameters or results. The default is
	// slog.Default().
	Logger *slog.Logger
}

// Ages tells how old queues' oldest messages are. SQS has no request for it, only CloudWatch's metric
// ApproximateAgeOfOldestMessage.
type Ages interface {
	// OldestMessages returns, by queue (with its prefix), how long ago the oldest message was sent that is not deleted yet.
	// Queues of which it is not known are missing. It is asked for each answer: an implementation keeps what costs.
	OldestMessages(ctx context.Context, queues []string) (map[string]time.Duration, error)
}

// An API is an HTTP API of a program's tasks. Make one with [New].
type API struct {
	config  Config
	logger  *slog.Logger
	sender  tasks.Sender
	routes  []*route
	params  map[string]*schema // by task
	types   *schemas
	openAPI []byte
	metrics *metrics
	hub     *hub
	cross   *http.CrossOriginProtection
	ready   shared[struct{}]
	counts  shared[[]sqsqueue.Depth]
	warn    sync.Once
	noAges  atomic.Bool // they failed last time
	tune    tuning

	mu       sync.Mutex
	streams  int
	idle     chan struct{} // closed when the last stream has ended after stopping
	stopping chan struct{}
	stopped  bool
}

// tuning is what tests make faster.
type tuning struct {
	heartbeat    time.Duration // a comment on a silent event stream, for proxies that end idle connections
	writeTimeout time.Duration // for a client to take what is written to it
	bodyTimeout  time.Duration // for a client to send its body
	storeTimeout time.Duration // for each call of the store
}

// New makes an API. It fails where the configuration can't work: no registry or sender, a registry with errors, an invalid
// token or base path.
func New(cfg Config) (*API, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	a := &API{
		config:   cfg,
		logger:   cfg.Logger,
		sender:   cfg.Sender,
		cross:    http.NewCrossOriginProtection(),
		idle:     make(chan struct{}),
		stopping: make(chan struct{}),
		ready:    shared[struct{}]{keep: readyKept},
		counts:   shared[[]sqsqueue.Depth]{keep: countsKept},
		tune: tuning{
			heartbeat: 15 * time.Second, writeTimeout: 30 * time.Second, bodyTimeout: 30 * time.Second, storeTimeout: 10 * time.Second,
		},
	}
	for _, origin := range cfg.TrustedOrigins {
		if err := a.cross.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("httpapi: trusted origin: %w", err)
		}
	}
	if cfg.Store != nil {
		a.sender = results.Track(cfg.Sender, cfg.Store, cfg.Logger)
		a.hub = newHub(cfg.Store, cfg.Logger, cfg.StoreReads, a.tune.storeTimeout)
	}
	a.types, a.params = describeTasks(cfg.Registry)
	a.routes = a.table()
	var err error
	if a.openAPI, err = a.describe(); err != nil {
		return nil, fmt.Errorf("httpapi: describe the API: %w", err)
	}
	if a.metrics, err = newMetrics(cfg.Registerer, cfg.Gatherer, a.openStreams); err != nil {
		return nil, fmt.Errorf("httpapi: register metrics: %w", err)
	}
	return a, nil
}

func (c *Config) complete() error {
	switch {
	case c.Registry == nil:
		return errors.New("a Registry is required")
	case c.Sender == nil:
		return errors.New("a Sender is required")
	case c.Token != "" && c.Authorize != nil:
		return errors.New("a Token and Authorize exclude each other")
	case strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the Token has a character that a header can't carry: use printable ASCII without spaces")
	case (c.Registerer == nil) != (c.Gatherer == nil):
		return errors.New("a Registerer and a Gatherer belong together: give both or neither")
	case c.BasePath != "" && (!strings.HasPrefix(c.BasePath, "/") || c.BasePath == "/" || path.Clean(c.BasePath) != c.BasePath):
		return fmt.Errorf("the BasePath %q is invalid: begin it with '/' and end it without", c.BasePath)
	case c.MaxBody < 0, c.MaxStreams < 0, c.StoreReads < 0:
		return errors.New("none of MaxBody, MaxStreams and StoreReads may be negative")
	}
	if err := c.Registry.Err(); err != nil {
		return err
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Logger = guard.Logger(c.Logger)
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = DefaultMaxStreams
	}
	if c.StoreReads == 0 {
		c.StoreReads = DefaultStoreReads
	}
	if c.Ready == nil && c.Store != nil {
		c.Ready = c.Store.Ping
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	return nil
}

// Handler returns the API's handler. To mount it under a prefix, use http.StripPrefix and set [Config.BasePath] to the same
// prefix.
func (a *API) Handler() http.Handler {
	if a.config.Token == "" && a.config.Authorize == nil {
		a.warn.Do(func() {
			a.logger.Info("the HTTP API has no token: only clients on this machine are served; set CORE_API_TOKEN to serve others")
		})
	}
	return http.HandlerFunc(a.serve)
}

// Server returns a server of the API at addr, with time limits that suit it: slow headers and bodies end, event streams do
// not. Its Shutdown ends event streams and waiting requests too.
func (a *API) Server(addr string) *http.Server {
	s := &http.Server{
		Addr:              addr,
		Handler:           a.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       a.tune.bodyTimeout,
		// No WriteTimeout, which would cut event streams: each write has a deadline of its own.
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(a.stop)
	return s
}

// Shutdown ends event streams, whose clients connect again elsewhere, and answers waiting requests with the record as it
// is; new ones get 503. It returns when all have ended, or with ctx's cause. Other requests are still served: shut the
// server down after.
func (a *API) Shutdown(ctx context.Context) error {
	a.stop()
	select {
	case <-a.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d event streams are still open: %w", a.openStreams(), context.Cause(ctx))
	}
}

func (a *API) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	a.stopped = true
	close(a.stopping)
	if a.streams == 0 {
		close(a.idle)
	}
}

// enter counts a stream or a waiting request in; leave counts it out.
func (a *API) enter() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.stopped:
		return unavailable(slugShuttingDown, "The server is shutting down; connect again.", 1)
	case a.streams >= a.config.MaxStreams:
		return unavailable(slugTooManyStreams, fmt.Sprintf("There are %d event streams and waiting requests, as many as are allowed.", a.streams), 5)
	}
	a.streams++
	return nil
}

func (a *API) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams--
	if a.stopped && a.streams == 0 {
		close(a.idle)
	}
}

func (a *API) openStreams() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.streams
}

func (a *API) isStopping() bool {
	select {
	case <-a.stopping:
		return true
	default:
		return false
	}
}

// link returns the address of a path of the API, as clients see it. Each segment is escaped.
func (a *API) link(segments ...string) string {
	link := a.config.BasePath
	for _, s := range segments {
		link += "/" + url.PathEscape(s)
	}
	return link
}
