package localstacktest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/internal/conformance"
	"github.com/coretasks/core/internal/schedulertest"
	"github.com/coretasks/core/internal/testenv"
)

// TestScheduler shows that the suite asks nothing of EventBridge Scheduler that only the emulator does, and keeps a list
// of what cannot be tried on LocalStack, which stores schedules and never fires them.
func TestScheduler(t *testing.T) {
	t.Parallel()
	config := testenv.LocalStack(t)
	elsewhere := config.Copy()
	elsewhere.Region = "eu-west-1"
	const (
		unchecked = "LocalStack does not check this"
		neverDue  = "LocalStack never fires: there is nothing to wait for"
	)
	schedulertest.Run(t, schedulertest.Harness{
		API: scheduler.NewFromConfig(config), Queues: sqs.NewFromConfig(config),
		Elsewhere: &schedulertest.Harness{API: scheduler.NewFromConfig(elsewhere), Queues: sqs.NewFromConfig(elsewhere)},
		Known: conformance.Known{
			Deviations: map[string]string{
				"DefaultsAreFilledIn":      "LocalStack leaves ActionAfterCompletion empty",
				"UpdateReplacesEverything": "LocalStack leaves the state empty",
				"CreateAgainWithToken":     "LocalStack has no tokens",
				"AnUnknownGroup":           "LocalStack fails with InternalError",
				"GroupTwice":               "LocalStack makes the group anew",
				"TagsOfNothing":            unchecked,
				"SchedulesHaveNoTags":      unchecked,

				"Refused/a_name_with_a_space":           unchecked,
				"Refused/a_name_of_65":                  unchecked,
				"Refused/a_time_zone":                   unchecked,
				"Refused/a_state":                       unchecked,
				"Refused/a_role":                        unchecked,
				"Refused/a_target":                      unchecked,
				"Refused/a_window_of_nothing":           unchecked,
				"Refused/186_retries":                   unchecked,
				"Refused/an_age_of_59_seconds":          unchecked,
				"Refused/a_request_without_its_members": unchecked,

				"RefusedExpressions/cron(0_24_*_*_?_*)":      unchecked,
				"RefusedExpressions/cron(0_0_1_1_?_2200)":    unchecked,
				"RefusedExpressions/rate(0_minutes)":         unchecked,
				"RefusedExpressions/at(2030-02-30T00:00:00)": unchecked,
				"RefusedExpressions/rate(10_minutes)_":       unchecked,
				"RefusedTwiceAtUpdate":                       "LocalStack checks an expression only when a schedule is created",
			},
			Harmful: map[string]string{
				"ListGroups": "LocalStack loses its place in the list when other tests' groups come and go meanwhile",

				"DefaultGroupStays":     "LocalStack deletes it, and others need it",
				"FiresOnce":             neverDue,
				"FiresInItsZone":        neverDue,
				"FiresARateAtOnce":      neverDue,
				"DeletesItself":         neverDue,
				"ContextAttributes":     neverDue,
				"FiresAUniversalTarget": neverDue,
				"FiresABatch":           neverDue,
				"DeadLetter":            neverDue,
				"FiresInAnotherRegion":  neverDue,
			},
		},
	})
}
