package mainjob

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The ways in which a task can end its process.
const (
	dieByExit = "exit" // os.Exit, as log.Fatal and some libraries do
	dieByKill = "kill" // SIGKILL, as the kernel does where memory runs out
)

// A killer ends its process after dieAfter, and its neighbours would need longer.
const (
	dieAfter       = 300 * time.Millisecond
	neighbourTakes = 2 * dieAfter
)

// die ends the process.
func die(how string) {
	time.Sleep(dieAfter)
	if how == dieByExit {
		os.Exit(3)
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {} // the signal is on its way
}

// poison: a job that kills its process goes to the dead-letter queue by the redrive policy; its neighbours are worked, and the
// workers, started again each time as a service manager does, go on.
func poison(t *testing.T, w *World) {
	w.Env = append(w.Env, "CORE_RESULTS=sqlite://"+filepath.Join(w.Dir, "jobs.db"))
	w.Must(t, "queues", "apply")
	var lethal []string
	for i := range 8 { // one batch
		params := fmt.Sprintf(`{"text":"%d","millis":%d}`, i, neighbourTakes.Milliseconds())
		switch i {
		case 2:
			params = fmt.Sprintf(`{"die":%q}`, dieByExit)
		case 5:
			params = fmt.Sprintf(`{"die":%q}`, dieByKill)
		}
		if id := w.Must(t, "enqueue", "note.urgent", params); strings.Contains(params, "die") {
			lethal = append(lethal, id)
		}
	}
	start := func() *Process {
		return w.Start(t, "worker started", "worker", "--queue", "high-priority", "--concurrency", "8", "--shutdown-timeout", "4s")
	}
	workers, deaths := []*Process{start(), start()}, 0
	var list struct {
		Total   int
		Letters []struct {
			JobID    string `json:"job_id"`
			Reason   string `json:"reason"`
			Error    string `json:"error"`
			Attempts int    `json:"attempts"`
		}
	}
	dead := func() int {
		for i, p := range workers {
			select {
			case <-p.done:
				deaths++
				workers[i] = start()
			default:
			}
		}
		for queue, d := range w.depths(t) {
			if strings.HasSuffix(queue, "high-priority") {
				return d.Dead
			}
		}
		return 0
	}
	Await(t, "the first is a dead letter", func() bool { return dead() > 0 })
	Await(t, "both are dead letters", func() bool { return dead() == 2 })
	if err := json.Unmarshal([]byte(w.Must(t, "dlq", "list", "high-priority", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	const allowance = 6 // one attempt and five deliveries more
	if deaths < allowance || list.Total != 2 {
		t.Errorf("%d workers died, and the letters are %+v", deaths, list)
	}
	for _, l := range list.Letters {
		if l.Reason != "max-receives" || l.Attempts != allowance || !strings.Contains(l.Error, "redrive policy: max receives exceeded") {
			t.Errorf("%+v", l)
		}
	}
	later := w.Must(t, "enqueue", "note.urgent", `{"text":"later"}`)
	Await(t, "the neighbours and a later job have ended", func() bool { return w.Count(t, "end") == 7 })
	if got := w.Must(t, "jobs", "watch", later, "--timeout", "20s"); !strings.Contains(got, "succeeded") {
		t.Errorf("the later job: %s", got)
	}
	for _, p := range workers {
		if code, _ := p.Terminate(t); code != 0 {
			t.Errorf("a worker ended with %d", code)
		}
	}
	// Its record says that it runs, since nobody lived to say anything else. The letter knows better.
	for _, id := range lethal {
		if got := w.Must(t, "jobs", "retry", id); !strings.Contains(got, "1 dead letter sent back") {
			t.Errorf("retry: %s", got)
		}
		if got := w.Must(t, "jobs", "get", id); !strings.Contains(got, "queued") {
			t.Errorf("the record after a retry: %s", got)
		}
	}
}
