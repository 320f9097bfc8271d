package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// fakeLambda answers what it is made of.
type fakeLambda struct {
	timeout  int32
	mappings []types.EventSourceMappingConfiguration
	loop     types.RecursiveLoop
	denied   string
}

func (f fakeLambda) deny(action string) error {
	if f.denied != action {
		return nil
	}
	return &smithy.OperationError{ServiceID: "Lambda", OperationName: action, Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no"}}
}

func (f fakeLambda) GetFunctionConfiguration(context.Context, *awslambda.GetFunctionConfigurationInput, ...func(*awslambda.Options)) (*awslambda.GetFunctionConfigurationOutput, error) {
	return &awslambda.GetFunctionConfigurationOutput{Timeout: &f.timeout}, f.deny("GetFunctionConfiguration")
}

func (f fakeLambda) ListEventSourceMappings(context.Context, *awslambda.ListEventSourceMappingsInput, ...func(*awslambda.Options)) (*awslambda.ListEventSourceMappingsOutput, error) {
	return &awslambda.ListEventSourceMappingsOutput{EventSourceMappings: f.mappings}, f.deny("ListEventSourceMappings")
}

func (f fakeLambda) GetFunctionRecursionConfig(context.Context, *awslambda.GetFunctionRecursionConfigInput, ...func(*awslambda.Options)) (*awslambda.GetFunctionRecursionConfigOutput, error) {
	return &awslambda.GetFunctionRecursionConfigOutput{RecursiveLoop: f.loop}, f.deny("GetFunctionRecursionConfig")
}

func TestDoctorLambda(t *testing.T) {
	t.Parallel()
	mapping := func(change func(*types.EventSourceMappingConfiguration)) []types.EventSourceMappingConfiguration {
		m := types.EventSourceMappingConfiguration{
			UUID: aws.String("u-1"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:000000000000:staging-default"), State: aws.String("Enabled"),
			FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures}, BatchSize: aws.Int32(10),
			ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(5)},
		}
		change(&m)
		return []types.EventSourceMappingConfiguration{m}
	}
	right := mapping(func(*types.EventSourceMappingConfiguration) {})
	for _, tt := range []struct {
		name   string
		lambda fakeLambda
		wrong  int
		want   []string
	}{
		{"all is right", fakeLambda{timeout: 70, mappings: right}, 0, []string{
			"ok function f: timeout 1m10s, enough for every task",
			"ok mapping of queue staging-default: batches of 10, partial failures, at most 5 at once, visibility timeout 7m0s",
			"Lambda stops them after about 16 rounds"}},
		{"recursion is allowed", fakeLambda{timeout: 70, mappings: right, loop: types.RecursiveLoopAllow}, 0, []string{"recursive loops: allowed"}},
		{"a short timeout", fakeLambda{timeout: 30, mappings: right}, 1, []string{
			"its timeout of 30s cuts off report (1m0s), 2s before its end -> aws lambda update-function-configuration --function-name f --timeout 62"}},
		{"no partial failures", fakeLambda{timeout: 70, mappings: mapping(func(m *types.EventSourceMappingConfiguration) { m.FunctionResponseTypes = nil })}, 1, []string{
			"it lacks ReportBatchItemFailures: Lambda deletes the messages that fail, and their jobs are lost -> aws lambda update-event-source-mapping --uuid u-1 --function-response-types ReportBatchItemFailures"}},
		{"no maximum", fakeLambda{timeout: 70, mappings: mapping(func(m *types.EventSourceMappingConfiguration) { m.ScalingConfig = nil })}, 1, []string{"no maximum concurrency"}},
		{"disabled", fakeLambda{timeout: 70, mappings: mapping(func(m *types.EventSourceMappingConfiguration) { m.State = aws.String("Disabled") })}, 1, []string{"it is disabled"}},
		{"a long window", fakeLambda{timeout: 70, mappings: mapping(func(m *types.EventSourceMappingConfiguration) {
			m.MaximumBatchingWindowInSeconds = aws.Int32(60)
		})}, 1, []string{"the queue's visibility timeout is 7m0s; with the function's timeout of 1m10s and a batching window of 1m0s it must be 8m0s or more", "set LambdaTimeout to 1m20s or more"}},
		{"no mapping", fakeLambda{timeout: 70}, 1, []string{"no event source mapping hands it messages"}},
		{"no function", fakeLambda{denied: "GetFunctionConfiguration"}, 1, []string{"access denied: allow lambda:GetFunctionConfiguration"}},
		{"no permission to list", fakeLambda{timeout: 70, denied: "ListEventSourceMappings"}, 1, []string{"access denied: allow lambda:ListEventSourceMappings"}},
		{"no permission for recursion", fakeLambda{timeout: 70, mappings: right, denied: "GetFunctionRecursionConfig"}, 0, []string{"not known, access denied: allow lambda:GetFunctionRecursionConfig"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			em, err := emulator.Open(emulator.Config{})
			if err != nil {
				t.Fatal(err)
			}
			client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{Prefix: "staging-"})
			if err != nil {
				t.Fatal(err)
			}
			registry := tasks.NewRegistry(
				tasks.Define("report", func(context.Context, struct{}) (int, error) { return 0, nil }, tasks.Timeout(time.Minute)),
				tasks.QueueSettings{Name: "default", LambdaTimeout: 70 * time.Second})
			if _, err := sqsqueue.Apply(t.Context(), client, registry); err != nil {
				t.Fatal(err)
			}
			p := &program{registry: registry, name: "core", stderr: io.Discard}
			var text strings.Builder
			wrong := 0
			for _, f := range p.examineFunction(t.Context(), tt.lambda, client, "f") {
				mark := "FAIL"
				if f.OK {
					mark = "ok"
				} else {
					wrong++
				}
				fmt.Fprintf(&text, "%s %s: %s -> %s\n", mark, f.Check, f.Detail, f.Mend)
			}
			if wrong != tt.wrong {
				t.Errorf("%d findings are wrong, want %d", wrong, tt.wrong)
			}
			for _, want := range tt.want {
				if !strings.Contains(text.String(), want) {
					t.Errorf("%s\nlacks %q", &text, want)
				}
			}
			if err := em.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
