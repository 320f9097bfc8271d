package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
)

const (
	childFile = "SQLITESTORE_TEST_CHILD_FILE"
	childName = "SQLITESTORE_TEST_CHILD_NAME"
)

// TestMain lets the test binary be the processes that share a file.
func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		if err := child(path, os.Getenv(childName)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// jobs is how many jobs the children share.
const jobs = 20

// child works jobs of its own from beginning to end, starts the shared ones as well, and says what was acknowledged,
// until its input ends or it is killed.
func child(path, name string) error {
	s, err := sqlitestore.Open(path, sqlitestore.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // the end is what counts
	}()
	var mu sync.Mutex
	say := func(words ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(words...)
	}
	failed := make(chan error, 8)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := work(s, fmt.Sprintf("%s-%d-%d", name, worker, n), fmt.Sprintf("shared-%d", n%jobs), say); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return err
	}
	return s.Close()
}

func work(s *sqlitestore.Store, own, shared string, say func(...any)) error {
	ctx := context.Background()
	if errs := s.Enqueue(ctx, []results.Record{{ID: own, Task: "own"}}); errs != nil {
		return errs[0]
	}
	say("queued", own)
	if _, err := s.Start(ctx, results.Start{ID: own, Task: "own", Attempt: 1}); err != nil {
		return err
	}
	if err := s.End(ctx, results.End{ID: own, Attempt: 1, State: results.Succeeded, Result: []byte(`"` + own + `"`)}); err != nil {
		return err
	}
	say("succeeded", own)
	// No two starts are alike: repeated ones would not count.
	_, err := s.Start(ctx, results.Start{ID: shared, Task: "shared", Attempt: 1, At: time.UnixMilli(nextMilli())})
	if errors.Is(err, results.ErrRunning) {
		return nil // somebody else's turn
	}
	if err != nil {
		return err
	}
	say("started", shared)
	err = s.End(ctx, results.End{ID: shared, Attempt: 1, State: results.Retrying})
	if errors.Is(err, results.ErrStale) || errors.Is(err, results.ErrNotFound) {
		return nil // another process, whose time is hours away, has taken it over
	}
	return err
}

var (
	milliMu sync.Mutex
	milli   = time.Now().UnixMilli() + int64(os.Getpid()%1000)*1_000_000
)

func nextMilli() int64 {
	milliMu.Lock()
	defer milliMu.Unlock()
	milli++
	return milli
}

type process struct {
	cmd  *exec.Cmd
	said map[string][]string // words to IDs
	done chan struct{}
}

// startChild runs a child and reads what it says; after some lines it is killed, or told to end.
func startChild(t *testing.T, path, name string, lines int, kill bool) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), said: map[string][]string{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childFile+"="+path, childName+"="+name)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*time.Minute, func() { _ = p.cmd.Process.Kill() })
	go func() {
		defer close(p.done)
		defer watchdog.Stop()
		n := 0
		for scan := bufio.NewScanner(out); scan.Scan(); n++ {
			if n == lines {
				if kill {
					_ = p.cmd.Process.Kill()
				} else {
					_ = in.Close()
				}
			}
			word, id, _ := strings.Cut(scan.Text(), " ")
			p.said[word] = append(p.said[word], id)
		}
		err := p.cmd.Wait()
		if n < lines || len(p.said["error"]) > 0 || !kill && err != nil {
			t.Errorf("%s said %d lines: %v, %v", name, n, p.said["error"], err)
		}
	}()
	return p
}

// Processes that share a file see one another's records and lose none, also while some of them are killed.
func TestProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.db") // made by whoever is first
	var all []*process
	for _, p := range []struct {
		name string
		kill bool
	}{{"a", false}, {"b", true}, {"c", true}, {"d", false}} {
		all = append(all, startChild(t, path, p.name, 1200, p.kill))
	}
	for _, p := range all {
		<-p.done
	}
	s := open(t, path, sqlitestore.Options{})
	starts := map[string]int{}
	for _, p := range all {
		for _, id := range p.said["succeeded"] {
			if r, err := s.Get(t.Context(), id); err != nil || r.State != results.Succeeded || string(r.Result) != `"`+id+`"` {
				t.Errorf("%s: %+v, %v", id, r, err)
			}
		}
		for _, id := range p.said["queued"] {
			if _, err := s.Get(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
		for _, id := range p.said["started"] {
			starts[id]++
		}
	}
	if len(starts) != jobs {
		t.Errorf("%d shared jobs, want %d", len(starts), jobs)
	}
	total, counted := 0, 0
	for id, said := range starts {
		r, err := s.Get(t.Context(), id)
		if err != nil || r.Runs < said {
			t.Errorf("%s was started %d times: %+v, %v", id, said, r, err)
		}
		total += said
		counted += r.Runs
	}
	// Of each worker of the two that were killed one start may not have been said.
	if counted > total+16 {
		t.Errorf("%d starts were counted, %d said", counted, total)
	}
}

// Many processes that open a new file at once all get it.
func TestOpenNewFileAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		path := filepath.Join(t.TempDir(), "results.db")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s, err := sqlitestore.Open(path, sqlitestore.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if errs := s.Enqueue(t.Context(), []results.Record{{ID: fmt.Sprint(i)}}); errs != nil {
					t.Error(errs)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		page, err := open(t, path, sqlitestore.Options{}).List(t.Context(), results.Filter{})
		if err != nil || len(page.Records) != 8 {
			t.Errorf("%d records, %v", len(page.Records), err)
		}
	}
}
