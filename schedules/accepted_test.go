package schedules_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/coretasks/core/internal/crontest"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/tasks"
)

// TestExpressionsAreAccepted has the service create what random cron expressions and intervals become, with the requests
// that Apply makes. The cron expressions are those whose instants package timetable's TestRandomCronExpressions compares:
// with CORE_TEST_LONG=1 all of them, otherwise some hundreds.
func TestExpressionsAreAccepted(t *testing.T) {
	const (
		some   = 50 // batches
		atOnce = 10 // batches that one registry holds
	)
	stream := crontest.New(t)
	onEach(t, func(t *testing.T, w *world) {
		step := crontest.Batches / some
		if testenv.Long() {
			step = 1
		}
		accepted := map[string]bool{}
		started, created, looked := time.Now(), 0, false
		var all []tasks.Definition
		for n := 0; n < crontest.Batches; n += step {
			all = append(all, definitions(n, stream.Batch(n))...)
			if n/step%atOnce < atOnce-1 && n+step < crontest.Batches {
				continue
			}
			r := tasks.NewRegistry(all...)
			all = nil
			specs, err := schedules.Specs(r)
			if err != nil {
				t.Fatal(err)
			}
			m := w.manager(t, r, w.api)
			p, err := m.Apply(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if p.Count(schedules.Create) != len(specs) || len(p.Changes) != len(specs) {
				t.Fatalf("%d schedules were created for %d", p.Count(schedules.Create), len(specs))
			}
			for _, s := range specs {
				accepted[s.Zone+" "+s.Expression] = true
			}
			created += len(specs)
			if !looked { // reading all of them back would take longer than creating them
				looked = true
				if got := planned(t, m, r); got != "" {
					t.Errorf("after apply the plan is %q", got)
				}
			}
			if _, err := w.api.DeleteScheduleGroup(t.Context(), &scheduler.DeleteScheduleGroupInput{Name: aws.String(m.Group())}); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d schedules created, of %d different expressions and zones, in %v", created, len(accepted), time.Since(started).Round(time.Second))
		if len(accepted) < crontest.Batches/step*10 {
			t.Error("the expressions are not what they should be")
		}
	})
}

// definitions are the tasks of a batch, and some with random intervals.
func definitions(n int, b crontest.Batch) []tasks.Definition {
	const intervals = 4
	var all []tasks.Definition
	for i, c := range b.Crons {
		if !c.Refused {
			all = append(all, periodic(fmt.Sprintf("cron-%d-%d", n, i), tasks.Cron(c.Text), tasks.In(b.Zone.String())))
		}
	}
	for i := range intervals {
		task := periodic(fmt.Sprintf("every-%d-%d", n, i), tasks.Every(interval(b.Rand)))
		if tasks.NewRegistry(task).Err() == nil { // not all seconds have a pattern
			all = append(all, task)
		}
	}
	return all
}

func interval(r *rand.Rand) time.Duration {
	switch r.IntN(4) {
	case 0:
		return time.Duration(1+r.IntN(900)) * time.Second
	case 1:
		return time.Duration(1+r.IntN(365*24*60)) * time.Minute
	case 2:
		return time.Duration(1+r.IntN(365*24)) * time.Hour
	}
	return time.Duration(1+r.IntN(365)) * 24 * time.Hour
}
