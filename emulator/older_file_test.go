package emulator

import (
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

// Blanks that earlier versions took in an expression keep no file from opening.
func TestExpressionsWithBlanksAreKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := openFile(t, path)
	in := &scheduler.CreateScheduleInput{
		Name: aws.String("tick"), ScheduleExpression: aws.String("rate(10 minutes)"), State: schedulertypes.ScheduleStateDisabled,
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{
			Arn: aws.String("arn:aws:sqs:us-east-1:000000000000:jobs"), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		},
	}
	if _, err := e.Scheduler().CreateSchedule(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for stored, want := range map[string]string{
		"rate( 10 \tminutes )": "rate(10 minutes)",
		"cron( 0 0\t* * ? * )": "cron(0 0 * * ? *)",
	} {
		if !edit(t, path, "UPDATE schedules SET definition = json_set(definition, '$.definition.ScheduleExpression', ?)", []any{stored}) {
			t.Fatal("the row was not changed")
		}
		for range 2 { // the row stays as it is
			e := openFile(t, path)
			got, err := e.Scheduler().GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: in.Name})
			if err != nil || *got.ScheduleExpression != want {
				t.Errorf("%q: %v, %v, want %s", stored, got, err, want)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
