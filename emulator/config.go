package emulator

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says where an emulator keeps its state and what it calls itself. The zero value works: everything in memory.
type Config struct {
	// Path is the SQLite file that holds the state. It is created where missing; its directory must exist.
	// "" keeps everything in memory.
	Path string
	// Region is the region of requests that are not signed for one and of calls in process that name none. Default "us-east-1".
	// Each region has its own queues and schedules.
	Region string
	// AccountID is the account in queue URLs and ARNs, 12 digits. Default "000000000000".
	AccountID string
	// BaseURL is the base of the queue URLs that calls in process get. Default "http://127.0.0.1:4560". Over HTTP the
	// URL follows the request's Host header. A queue is found by its URL's path, /account/name in us-east-1 and
	// /queue/region/account/name elsewhere: any host is accepted.
	BaseURL string
	// AllowedHosts are the host names, without port, that the HTTP handler answers to besides localhost and IP addresses.
	// Others are refused, since a web page can make a name of its own point here.
	AllowedHosts []string
	// ReserveNames refuses the name of a queue that was deleted for 60 seconds, as SQS does (QueueDeletedRecently), until the
	// emulator is closed. Default: it can be used again at once, since development deletes and makes anew.
	ReserveNames bool
	// Logger gets what the state file has to say; message bodies are never logged. Default: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.AccountID == "" {
		c.AccountID = "000000000000"
	}
	if c.BaseURL == "" {
		c.BaseURL = "http://127.0.0.1:4560"
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Emulator holds queues, their messages, and schedules. Its methods may be called from any number of goroutines.
type Emulator struct {
	cfg      Config
	journal  *journal // nil: memory only
	done     chan struct{}
	endWaits chan struct{}  // closed by EndWaits
	tasks    sync.WaitGroup // running move tasks, and the firing of schedules

	mu        sync.Mutex
	closed    bool
	queues    map[inRegion]*queue
	deleted   map[inRegion]int64 // ms of the deletion; empty unless names are reserved
	moves     []*moveTask        // oldest first
	timetable timetable
	nextID    int64 // numbers for queues and messages, never used twice, restarts included
}

// Open starts an emulator and loads what its file holds. Its errors are *[StateError]: [ErrInUse] where another
// process has the file, [ErrCorrupt] where it can't be read, and the operating system's own errors
// (fs.ErrNotExist for a missing directory, fs.ErrPermission) underneath. A Region that is none is an error, too.
func Open(cfg Config) (*Emulator, error) {
	e := &Emulator{
		cfg:       cfg.withDefaults(),
		done:      make(chan struct{}),
		endWaits:  make(chan struct{}),
		queues:    map[inRegion]*queue{},
		deleted:   map[inRegion]int64{},
		timetable: newTimetable(),
		nextID:    1,
	}
	if !isRegion(e.cfg.Region) {
		return nil, fmt.Errorf("emulator: %q is no region; it must be of a-z, 0-9 and -, such as eu-west-1", e.cfg.Region)
	}
	if e.cfg.Path == "" {
		return e, nil
	}
	store, err := openStore(e.cfg.Path, e.cfg.Region)
	if err != nil {
		return nil, err
	}
	if err := e.load(store); err != nil {
		_ = store.close() // the first error says more
		return nil, err
	}
	e.journal = startJournal(e, store)
	e.resumeMoves()
	e.startFiring()
	return e, nil
}

// SQS returns the queues of [Config.Region] as an object with the methods of *sqs.Client.
func (e *Emulator) SQS() *SQS { return &SQS{e: e, base: e.cfg.BaseURL, region: e.cfg.Region} }

// Scheduler returns the schedules of [Config.Region] as an object with methods of *scheduler.Client.
func (e *Emulator) Scheduler() *Scheduler { return &Scheduler{e: e, region: e.cfg.Region} }

// Regions lists the regions that have queues.
func (e *Emulator) Regions() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	regions := map[string]bool{}
	for at := range e.queues {
		regions[at.region] = true
	}
	return slices.Sorted(maps.Keys(regions))
}

// EndWaits makes every receive, from now on, answer at once with what there is, as if its wait were over. A process that
// is about to stop calls it, so that nothing has to wait for a long poll and no message is taken for a caller that left. Schedules fire no more: what is due
// meanwhile fires when the file is opened again.
func (e *Emulator) EndWaits() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.waitsEnded() {
		close(e.endWaits)
	}
}

func (e *Emulator) waitsEnded() bool {
	select {
	case <-e.endWaits:
		return true
	default:
		return false
	}
}

// Close ends waiting receives, move tasks and firing, writes what is still to be written and closes the file. Calls made
// afterwards fail. Closing twice is fine.
func (e *Emulator) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	close(e.done)
	e.mu.Unlock()
	e.tasks.Wait()
	if e.journal == nil {
		return nil
	}
	return e.journal.stop()
}

// newID gives the next number for a queue or a message; e.mu is held.
func (e *Emulator) newID() int64 {
	id := e.nextID
	e.nextID++
	return id
}

// nowMilli is the clock of everything here: milliseconds since 1970, as SQS reports times.
func nowMilli() int64 { return time.Now().UnixMilli() }
