package schedules_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// Each expression that a timetable can become is one that the service takes: a few hundred random ones.
func TestExpressionsAreAccepted(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		var all []tasks.Definition
		for i := range 200 {
			task := periodic(fmt.Sprintf("task-%d", i), randomSchedule()...)
			if tasks.NewRegistry(task).Err() == nil {
				all = append(all, task)
			}
		}
		if len(all) < 100 {
			t.Fatalf("only %d of 200 random schedules are valid", len(all))
		}
		r := tasks.NewRegistry(all...)
		m := w.manager(t, r, w.api)
		apply(t, m, r)
		if got := planned(t, m, r); got != "" {
			t.Errorf("after apply the plan is %q", got)
		}
	})
}

func randomSchedule() []tasks.PeriodicOption {
	if rand.N(4) == 0 {
		return []tasks.PeriodicOption{tasks.Every([]time.Duration{
			time.Duration(1+rand.N(60)) * time.Second, time.Duration(1+rand.N(3000)) * time.Minute, time.Duration(1+rand.N(364)) * 24 * time.Hour,
		}[rand.N(3)])}
	}
	field := func(low, high int) string {
		switch a, b := low+rand.N(high-low+1), low+rand.N(high-low+1); rand.N(5) {
		case 0:
			return fmt.Sprintf("%d-%d", min(a, b), max(a, b))
		case 1:
			return fmt.Sprintf("%d-%d/%d", min(a, b), max(a, b), 1+rand.N(high-low+1))
		case 2:
			return fmt.Sprintf("%d,%d", a, b)
		case 3:
			return fmt.Sprint(a)
		}
		return "*"
	}
	zones := []string{"UTC", "America/Sao_Paulo", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"}
	return []tasks.PeriodicOption{
		tasks.In(zones[rand.N(len(zones))]),
		tasks.Cron(fmt.Sprintf("%s %s %s %s %s", field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))),
	}
}
