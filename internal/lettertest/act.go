package lettertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func testRedriveByReason(d *Desk) {
	mixed(d)
	q := d.Open()
	report, err := q.Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{Reason: tasks.ReasonExhausted}})
	if err != nil || report.Redriven != 3 || report.Others != 3 || report.Refused != 0 || report.Hidden != 0 {
		d.Errorf("%+v, %v", report, err)
	}
	live := d.Take("default")
	sent := []string{Body("a", "t"), Body("b", "t"), Body("d", "u")}
	for _, m := range live {
		if !slices.Contains(sent, m.Body) || len(m.Attributes) != 0 {
			d.Errorf("%+v", m)
		}
	}
	if got := fmt.Sprint(IDs(live)); got != "[a b d]" {
		d.Errorf("redriven: %s", got)
	}
	d.WantIDs("default-dlq", "c", "e", "malformed")
}

// testAttributes: what the job's own program has attached is kept, and nothing else.
func testAttributes(d *Desk) {
	d.Put("default-dlq", Letter("a", "t", tasks.ReasonPanic, time.Now(), "tenant", "7", "colour", "red"))
	if report, err := d.Open().Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{Task: "t"}}); err != nil || report.Redriven != 1 {
		d.Fatal(report, err)
	}
	live := d.Take("default")
	if len(live) != 1 || fmt.Sprint(live[0].Attributes) != "map[colour:red tenant:7]" {
		d.Errorf("%+v", live)
	}
}

func testRedriveOne(d *Desk) {
	mixed(d)
	q := d.Open()
	one := func(id string) (deadletters.Report, error) {
		return q.Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{ID: id}})
	}
	if report, err := one("b"); err != nil || report.Redriven != 1 {
		d.Errorf("%+v, %v", report, err)
	}
	if report, err := one("b"); !errors.As(err, new(*deadletters.NotFoundError)) || report.Redriven != 0 {
		d.Errorf("a second time: %+v, %v", report, err)
	}
	list, err := q.List(d.Context(), deadletters.Filter{Reason: tasks.ReasonMalformed})
	if err != nil {
		d.Fatal(err)
	}
	if report, err := one(list.Letters[0].MessageID); err != nil || report.Redriven != 1 { // who names it wants it
		d.Errorf("%+v, %v", report, err)
	}
	d.WantIDs("default", "b", "malformed")
	d.WantIDs("default-dlq", "a", "c", "d", "e")
}

func testRedriveMalformed(d *Desk) {
	d.Put("default-dlq", Message{Body: "{}"}, Letter("a", "t", tasks.ReasonMalformed, time.Now()), Letter("b", "t", tasks.ReasonTimeout, time.Now()))
	q := d.Open()
	report, err := q.Redrive(d.Context(), deadletters.Redrive{})
	if err != nil || report.Redriven != 1 || report.Refused != 2 || len(report.Refusals) != 2 {
		d.Fatalf("%+v, %v", report, err)
	}
	for _, r := range report.Refusals {
		if r.ID == "" || !strings.Contains(r.Why, "it would come straight back") {
			d.Errorf("%+v", r)
		}
	}
	d.WantIDs("default", "b")
	report, err = q.Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{Reason: tasks.ReasonMalformed}})
	if err != nil || report.Redriven != 1 || report.Others != 1 {
		d.Errorf("%+v, %v", report, err)
	}
	d.WantIDs("default", "a")
}

// testRedriveRecords: letters and records go together.
func testRedriveRecords(d *Desk) {
	store, ctx := d.Store(), d.Context()
	begin := time.Now().UTC().Add(-time.Hour)
	end := func(id string, state results.State) {
		if err := store.End(ctx, results.End{ID: id, Task: "t", Queue: "default", Attempt: 4, State: state, At: begin.Add(time.Minute), Error: "x"}); err != nil {
			d.Fatal(err)
		}
	}
	start := func(id string, at time.Time) {
		if _, err := store.Start(ctx, results.Start{ID: id, Task: "t", Queue: "default", Attempt: 4, At: at}); err != nil {
			d.Fatal(err)
		}
	}
	end("dead", results.Dead)
	end("done", results.Succeeded)
	end("cancelled", results.Cancelled)
	start("lagging", begin)
	start("alive", begin.Add(30*time.Minute))
	start("poison", begin.Add(30*time.Minute))
	var letters []Message
	for _, id := range []string{"dead", "done", "cancelled", "lagging", "alive", "unknown"} {
		letters = append(letters, Letter(id, "t", tasks.ReasonExhausted, begin.Add(time.Minute)))
	}
	d.Put("default-dlq", append(letters, Message{Body: Body("poison", "t")})...)

	report, err := d.Open().Redrive(ctx, deadletters.Redrive{})
	if err != nil || report.Redriven != 4 || report.Finished != 1 || report.Refused != 2 {
		d.Errorf("%+v, %v", report, err)
	}
	for id, want := range map[string]results.State{
		"dead": results.Queued, "lagging": results.Queued, "poison": results.Queued,
		"done": results.Succeeded, "cancelled": results.Cancelled, "alive": results.Running,
	} {
		if r, err := store.Get(ctx, id); err != nil || r.State != want {
			d.Errorf("%s: %+v, %v", id, r, err)
		}
	}
	d.WantIDs("default", "dead", "lagging", "poison", "unknown")
	d.WantIDs("default-dlq", "alive", "cancelled")
}

// testRedrivenJobsRunAgain: a worker that keeps records runs the jobs, from their first attempt.
func testRedrivenJobsRunAgain(d *Desk) {
	store, ctx := d.Store(), d.Context()
	for _, id := range []string{"j0", "j1"} {
		if err := store.End(ctx, results.End{ID: id, Task: "t", Queue: "default", Attempt: 4, State: results.Dead, At: time.Now().Add(-time.Hour)}); err != nil {
			d.Fatal(err)
		}
	}
	d.Put("default-dlq", Many(2, tasks.ReasonExhausted)...)
	if report, err := d.Open().Redrive(ctx, deadletters.Redrive{}); err != nil || report.Redriven != 2 {
		d.Fatal(report, err)
	}
	recorder := results.NewRecorder(store, results.Config{})
	worker, err := sqsqueue.NewWorker(d.client, d.tasks, sqsqueue.WorkerConfig{Recorder: recorder, ShutdownTimeout: 4 * time.Second})
	if err != nil {
		d.Fatal(err)
	}
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(working) }()
	got := map[string]bool{<-d.runs: true, <-d.runs: true}
	stop()
	if err := errors.Join(<-ended, recorder.Close(ctx)); err != nil || !got["j0 1"] || !got["j1 1"] {
		d.Errorf("ran %v, %v", got, err)
	}
	for _, id := range []string{"j0", "j1"} {
		if r, err := store.Get(ctx, id); err != nil || r.State != results.Succeeded || r.Requeues != 1 {
			d.Errorf("%+v, %v", r, err)
		}
	}
	d.WantIDs("default-dlq")
}

func testRedriveAtARate(d *Desk) {
	d.Put("default-dlq", Many(25, tasks.ReasonExhausted)...)
	start := time.Now()
	var last deadletters.Progress
	report, err := d.Open().Redrive(d.Context(), deadletters.Redrive{Rate: 10, Progress: func(p deadletters.Progress) { last = p }})
	// Ten at once, ten a second later, and five after two.
	if took := time.Since(start); err != nil || report.Redriven != 25 || took < 2*time.Second || took > 10*time.Second {
		d.Errorf("%+v, %v after %v", report, err, took)
	}
	if last != (deadletters.Progress{Total: 25, Done: 25}) {
		d.Errorf("the last progress is %+v", last)
	}
	if live, _ := d.WantAll(25); live != 25 {
		d.Errorf("%d of 25 are in the queue", live)
	}
}

// testRedriveInterrupted: what was interrupted has lost nothing, sent nothing twice, and goes on when it is run again.
func testRedriveInterrupted(d *Desk) {
	d.Put("default-dlq", Many(60, tasks.ReasonExhausted)...)
	ctx, cancel := context.WithCancel(d.Context())
	q := d.Open()
	report, err := q.Redrive(ctx, deadletters.Redrive{Rate: 50, Progress: func(p deadletters.Progress) {
		if p.Done >= 20 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || report.Redriven < 20 || report.Redriven > 60-10 {
		d.Fatalf("%+v, %v", report, err)
	}
	rest, err := q.Redrive(d.Context(), deadletters.Redrive{})
	if err != nil || rest.Redriven+report.Redriven != 60 {
		d.Errorf("%+v, %v", rest, err)
	}
	if live, _ := d.WantAll(60); live != 60 {
		d.Errorf("%d of 60 are in the queue", live)
	}
}

// testTwoRedrives: two operators at once share the letters.
func testTwoRedrives(d *Desk) {
	d.Put("default-dlq", Many(150, tasks.ReasonExhausted)...)
	var reports [2]deadletters.Report
	var both sync.WaitGroup
	for i := range reports {
		q := d.Open()
		both.Go(func() {
			var err error
			if reports[i], err = q.Redrive(d.Context(), deadletters.Redrive{}); err != nil {
				d.Error(err)
			}
		})
	}
	both.Wait()
	if n := reports[0].Redriven + reports[1].Redriven; n != 150 {
		d.Errorf("%+v", reports)
	}
	if live, _ := d.WantAll(150); live != 150 {
		d.Errorf("%d of 150 are in the queue", live)
	}
}

// testLargeLetters: a batch has as much room as one message.
func testLargeLetters(d *Desk) {
	var letters []Message
	for i := range 4 {
		l := Letter(fmt.Sprintf("j%d", i), "t", tasks.ReasonExhausted, time.Now().Add(-time.Minute))
		l.Body = strings.TrimSuffix(l.Body, "}") + fmt.Sprintf(`,"large":%q}`, strings.Repeat("x", 400<<10))
		d.Put("default-dlq", l)
		letters = append(letters, l)
	}
	if report, err := d.Open().Redrive(d.Context(), deadletters.Redrive{}); err != nil || report.Redriven != len(letters) {
		d.Errorf("%+v, %v", report, err)
	}
	if live, _ := d.WantAll(4); live != 4 {
		d.Errorf("%d of 4 are in the queue", live)
	}
}

func testMove(d *Desk) {
	d.Put("default-dlq", Many(30, tasks.ReasonExhausted)...)
	var last deadletters.Progress
	moved, err := d.Open().Move(d.Context(), 0, func(p deadletters.Progress) { last = p })
	if err != nil || moved != (deadletters.Moved{Letters: 30}) || last.Done != 30 {
		d.Errorf("%+v, %v; %+v", moved, err, last)
	}
	if live, _ := d.WantAll(30); live != 30 {
		d.Errorf("%d of 30 are in the queue", live)
	}
}

func testMoveRefused(d *Desk) {
	for _, rate := range []int{-1, 501} {
		if _, err := d.Open().Move(d.Context(), rate, nil); err == nil || !strings.Contains(err.Error(), "rate") {
			d.Errorf("rate %d: %v", rate, err)
		}
	}
	d.Store()
	if _, err := d.Open().Move(d.Context(), 0, nil); !errors.Is(err, deadletters.ErrRecords) {
		d.Errorf("with records: %v", err)
	}
}

func testMoveInterrupted(d *Desk) {
	d.Put("default-dlq", Many(40, tasks.ReasonExhausted)...)
	ctx, cancel := context.WithCancel(d.Context())
	q := d.Open()
	if _, err := q.Move(ctx, 5, func(deadletters.Progress) { cancel() }); !errors.Is(err, context.Canceled) {
		d.Fatal(err)
	}
	if moved, err := q.Move(d.Context(), 0, nil); err != nil || moved.Letters == 0 {
		d.Errorf("the rest: %+v, %v", moved, err)
	}
	if live, _ := d.WantAll(40); live != 40 {
		d.Errorf("%d of 40 are in the queue", live)
	}
}

// testMoveJoined: who only follows another's move does not cancel it.
func testMoveJoined(d *Desk) {
	d.Put("default-dlq", Many(20, tasks.ReasonExhausted)...)
	q := d.Open()
	started := make(chan struct{})
	ended := make(chan error, 1)
	var once sync.Once
	go func() {
		moved, err := q.Move(d.Context(), 5, func(deadletters.Progress) { once.Do(func() { close(started) }) })
		if err == nil && moved.Joined {
			err = errors.New("it joined its own move")
		}
		ended <- err
	}()
	select {
	case <-started:
	case err := <-ended:
		d.Fatal("the move ended before it was looked at: ", err)
	}
	ctx, cancel := context.WithCancel(d.Context())
	moved, err := q.Move(ctx, 0, func(deadletters.Progress) { cancel() })
	if !moved.Joined || !errors.Is(err, context.Canceled) {
		d.Errorf("the follower: %+v, %v", moved, err)
	}
	if err := <-ended; err != nil {
		d.Error(err)
	}
	if live, _ := d.WantAll(20); live != 20 {
		d.Errorf("%d of 20 are in the queue", live)
	}
}

func testPurge(d *Desk) {
	mixed(d)
	q := d.Open()
	if n, err := q.Purge(d.Context(), deadletters.Filter{Reason: tasks.ReasonExhausted, Task: "t"}, nil, nil); err != nil || n != 2 {
		d.Errorf("%d, %v", n, err)
	}
	if list, err := q.List(d.Context(), deadletters.Filter{}); err != nil || list.Total != 4 {
		d.Errorf("%+v, %v", list, err)
	}
	if n, err := q.Purge(d.Context(), deadletters.Filter{}, nil, nil); err != nil || n != 4 {
		d.Errorf("%d, %v", n, err)
	}
	d.WantIDs("default-dlq")
	d.WantIDs("default")
}

// testPurgeKeepsWhatIsNewer: somebody said yes to what was there.
func testPurgeKeepsWhatIsNewer(d *Desk) {
	d.Put("default-dlq", Letter("old", "t", tasks.ReasonTimeout, time.Now()))
	asked, err := d.Open().List(d.Context(), deadletters.Filter{})
	if err != nil {
		d.Fatal(err)
	}
	d.Put("default-dlq", Letter("new", "t", tasks.ReasonTimeout, time.Now()))
	if n, err := d.Open().Purge(d.Context(), deadletters.Filter{}, asked.Letters, nil); err != nil || n != 1 {
		d.Errorf("%d, %v", n, err)
	}
	d.WantIDs("default-dlq", "new")
}

// testRedriveDeadAgain: jobs that die again at once are redriven once, not for ever.
func testRedriveDeadAgain(d *Desk) {
	same := slices.Repeat([]Message{{Body: "no JSON", Attributes: map[string]string{"reason": "malformed"}}}, 50) // more than are redriven at once
	d.Put("default-dlq", append(Many(30, tasks.ReasonMalformed), same...)...)
	time.Sleep(time.Second) // they were there before
	working, stop := context.WithCancel(d.Context())
	worker, err := sqsqueue.NewWorker(d.client, tasks.NewRegistry(tasks.Define("t", func(context.Context, string) (int, error) { return 0, nil })),
		sqsqueue.WorkerConfig{ShutdownTimeout: 4 * time.Second})
	if err != nil {
		d.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(working) }()
	report, err := d.Open().Redrive(d.Context(), deadletters.Redrive{Filter: deadletters.Filter{Reason: tasks.ReasonMalformed}})
	if err != nil || report.Redriven != 80 {
		d.Errorf("%+v, %v", report, err)
	}
	time.Sleep(2 * time.Second) // the last ones die
	stop()
	if err := <-ended; err != nil {
		d.Error(err)
	}
	if got := d.Take("default-dlq"); len(got) != 80 {
		d.Errorf("%d letters: %v", len(got), IDs(got))
	}
}
