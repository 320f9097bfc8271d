package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// lambdaAPI is what doctor asks of Lambda.
type lambdaAPI interface {
	GetFunctionConfiguration(context.Context, *awslambda.GetFunctionConfigurationInput, ...func(*awslambda.Options)) (*awslambda.GetFunctionConfigurationOutput, error)
	ListEventSourceMappings(context.Context, *awslambda.ListEventSourceMappingsInput, ...func(*awslambda.Options)) (*awslambda.ListEventSourceMappingsOutput, error)
	GetFunctionRecursionConfig(context.Context, *awslambda.GetFunctionRecursionConfigInput, ...func(*awslambda.Options)) (*awslambda.GetFunctionRecursionConfigOutput, error)
}

// examineFunction compares a function and its event source mappings with what the tasks need.
func (p *program) examineFunction(ctx context.Context, api lambdaAPI, client *sqsqueue.Client, name string) []finding {
	check := "function " + name
	function, err := api.GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return []finding{{Check: check, Detail: lambdaProblem("lambda:GetFunctionConfiguration", err)}}
	}
	timeout := time.Duration(aws.ToInt32(function.Timeout)) * time.Second
	findings := p.examineTimeout(check, name, timeout)
	mappings, err := eventSourceMappings(ctx, api, name)
	if err != nil {
		return append(findings, finding{Check: check, Detail: lambdaProblem("lambda:ListEventSourceMappings", err)})
	}
	worked := 0
	for _, spec := range p.registry.Queues() {
		i := slices.IndexFunc(mappings, func(m types.EventSourceMappingConfiguration) bool {
			return strings.HasSuffix(aws.ToString(m.EventSourceArn), ":"+client.FullName(spec.Name))
		})
		if i < 0 {
			continue // its own worker may be somewhere else
		}
		worked++
		findings = append(findings, p.examineMapping(ctx, client, spec, timeout, mappings[i])...)
	}
	if worked == 0 {
		findings = append(findings, finding{Check: check, Detail: "no event source mapping hands it messages of any queue of this program", Mend: fmt.Sprintf(
			"aws lambda create-event-source-mapping --function-name %s --event-source-arn QUEUE_ARN --function-response-types ReportBatchItemFailures --scaling-config MaximumConcurrency=10", name)})
	}
	return append(findings, examineRecursion(ctx, api, check, name)...)
}

func (p *program) examineTimeout(check, name string, timeout time.Duration) []finding {
	// What the handler keeps for itself at the end.
	const margin = lambdaworker.DefaultGrace + time.Second
	var longest time.Duration
	var longer []string
	for _, t := range p.registry.Tasks() {
		if info := t.Info(); info.Timeout+margin > timeout {
			longer = append(longer, fmt.Sprintf("%s (%v)", info.Name, info.Timeout))
			longest = max(longest, info.Timeout+margin)
		}
	}
	switch {
	case len(longer) == 0:
		return []finding{{Check: check, OK: true, Detail: fmt.Sprintf("timeout %v, enough for every task", timeout)}}
	case longest > tasks.MaxLambdaTimeout:
		return []finding{{Check: check, Detail: fmt.Sprintf("its timeout of %v would cut off %s, which no function can run: Lambda's limit is %v; work their queue with 'core worker', or split them",
			timeout, strings.Join(longer, ", "), tasks.MaxLambdaTimeout)}}
	}
	return []finding{{Check: check, Detail: fmt.Sprintf("its timeout of %v cuts off %s, %v before its end", timeout, strings.Join(longer, ", "), margin),
		Mend: fmt.Sprintf("aws lambda update-function-configuration --function-name %s --timeout %d", name, int(longest/time.Second))}}
}

func eventSourceMappings(ctx context.Context, api lambdaAPI, name string) ([]types.EventSourceMappingConfiguration, error) {
	var all []types.EventSourceMappingConfiguration
	pages := awslambda.NewListEventSourceMappingsPaginator(api, &awslambda.ListEventSourceMappingsInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.EventSourceMappings...)
	}
	return all, nil
}

func (p *program) examineMapping(ctx context.Context, client *sqsqueue.Client, spec tasks.QueueSpec, timeout time.Duration, m types.EventSourceMappingConfiguration) []finding {
	queue := client.FullName(spec.Name)
	check := "mapping of queue " + queue
	update := "aws lambda update-event-source-mapping --uuid " + aws.ToString(m.UUID)
	var wrong []finding
	report := func(mend, format string, args ...any) {
		wrong = append(wrong, finding{Check: check, Detail: fmt.Sprintf(format, args...), Mend: mend})
	}
	if state := aws.ToString(m.State); state == "Disabled" || state == "Disabling" {
		report(update+" --enabled", "it is disabled: nothing is worked")
	}
	if !slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures) {
		report(update+" --function-response-types ReportBatchItemFailures",
			"it lacks ReportBatchItemFailures: Lambda deletes the messages that fail, and their jobs are lost")
	}
	if m.ScalingConfig == nil || m.ScalingConfig.MaximumConcurrency == nil {
		report(update+" --scaling-config MaximumConcurrency=10",
			"it has no maximum concurrency: a full queue takes all of the account's, and messages that find none come nearer to the dead-letter queue by each receive")
	}
	window := time.Duration(aws.ToInt32(m.MaximumBatchingWindowInSeconds)) * time.Second
	want := tasks.LambdaVisibility(timeout, window)
	have, err := client.VisibilityTimeout(ctx, spec.Name)
	switch {
	case err != nil:
		report("", "%s", oneLine(err))
	case have < want:
		report(p.command(sqsqueue.MendApply), "the queue's visibility timeout is %v; with the function's timeout of %v and a batching window of %v it must be %v or more, or messages run twice: "+
			"set LambdaTimeout to %v or more in the queue's tasks.QueueSettings", have, timeout, window, want, timeout+(window+6*time.Second-1)/6/time.Second*time.Second)
	}
	if len(wrong) > 0 {
		return wrong
	}
	return []finding{{Check: check, OK: true, Detail: fmt.Sprintf("batches of %d, partial failures, at most %d at once, visibility timeout %v",
		aws.ToInt32(m.BatchSize), *m.ScalingConfig.MaximumConcurrency, have)}}
}

// examineRecursion tells what Lambda's loop detection means for jobs. It is no fault either way.
func examineRecursion(ctx context.Context, api lambdaAPI, check, name string) []finding {
	out, err := api.GetFunctionRecursionConfig(ctx, &awslambda.GetFunctionRecursionConfigInput{FunctionName: &name})
	detail := "recursive loops: "
	switch {
	case err != nil:
		detail += "not known, " + lambdaProblem("lambda:GetFunctionRecursionConfig", err)
	case out.RecursiveLoop == types.RecursiveLoopAllow:
		detail += "allowed; countdowns of any length work, and so do tasks that enqueue each other without end"
	default:
		detail += "Lambda stops them after about 16 rounds: tasks that enqueue each other for longer, and countdowns beyond 25 days, need them allowed " +
			"(aws lambda put-function-recursion-config --function-name " + name + " --recursive-loop Allow)"
	}
	return []finding{{Check: check, OK: true, Detail: detail}}
}

// lambdaProblem names the permission that is missing, and is otherwise the error itself, shortened.
func lambdaProblem(action string, err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		if strings.Contains(api.ErrorCode(), "AccessDenied") {
			return fmt.Sprintf("access denied: allow %s (%s)", action, api.ErrorMessage())
		}
		return api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return oneLine(err)
}
