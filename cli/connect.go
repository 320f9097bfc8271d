package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go/logging"

	"github.com/coretasks/core/internal/awsclient"
	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// credentialsTimeout bounds the search for credentials: the last place asked, a virtual machine's metadata service, does
// not answer elsewhere.
const credentialsTimeout = 10 * time.Second

// localRegion is the region in which --local works: the environment's, as that of every AWS program, so that those of the
// developer's own find the same queues. It is us-east-1 where the environment has none.
func localRegion() string {
	return cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1")
}

// checkLocalRegion refuses a region that no ARN can have.
func checkLocalRegion() error {
	if r := localRegion(); strings.Trim(r, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return usagef("the region %q is invalid: set AWS_REGION to one such as eu-west-1, or to none for us-east-1", r)
	}
	return nil
}

// awsConfig is what the flags and the SDK's own chain say about AWS. Nothing is guessed: without --local, a missing
// region or missing credentials are errors.
func (p *program) awsConfig(ctx context.Context) (aws.Config, error) {
	if p.settings.local {
		if err := checkLocalRegion(); err != nil {
			return aws.Config{}, err
		}
		return aws.Config{
			Region:       localRegion(),
			BaseEndpoint: aws.String("http://" + p.settings.localAddr),
			Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		}, nil
	}
	// The SDK's own log lines are no help to who reads one clear error.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("load the AWS configuration: %w", err)
	}
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SCHEDULER", "AWS_ENDPOINT_URL_DYNAMODB"} {
		if text := os.Getenv(name); text != "" {
			const rule = "it must be a URL, such as http://127.0.0.1:4566"
			at, err := url.Parse(text)
			if err != nil {
				return aws.Config{}, usagef("%s=%q is invalid: %s (%w)", name, text, rule, err)
			}
			if at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
				return aws.Config{}, usagef("%s=%q is invalid: %s", name, text, rule)
			}
		}
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("no AWS region: set AWS_REGION or a profile that has one, or use --local for the embedded queue")
	}
	ctx, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return aws.Config{}, noCredentials(err)
	}
	return cfg, nil
}

// noCredentials says what to do where there are none, and why the SDK found none.
func noCredentials(err error) error {
	if login := awsclient.Login(err); login != "" {
		return fmt.Errorf("no AWS credentials: log in with '%s' (%w)", login, err)
	}
	return fmt.Errorf("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "+
		"or use --local for the embedded queue (%w)", err)
}

// api returns the SQS client that the flags ask for.
func (p *program) api(ctx context.Context, opts ...func(*sqs.Options)) (*sqs.Client, error) {
	cfg, err := p.awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	if p.settings.local {
		if err := p.probe(ctx); err != nil {
			return nil, err
		}
	}
	return sqsqueue.NewAPI(cfg, opts...), nil
}

// probe tells at once when the embedded queue is not running, where the SDK would try for a while.
func (p *program) probe(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", p.settings.localAddr)
	if err != nil {
		return fmt.Errorf("no embedded queue answers at %s; start one with '%s dev' (%w)", p.settings.localAddr, p.name, err)
	}
	return conn.Close()
}

// oneShot makes a client give up sooner: somebody waits at the command line.
func oneShot(o *sqs.Options) { o.Retryer = retry.AddWithMaxAttempts(o.Retryer, 3) }

// withClient calls do with a client for one short command.
func (p *program) withClient(ctx context.Context, do func(*sqsqueue.Client) error) error {
	api, err := p.api(ctx, oneShot)
	if err != nil {
		return err
	}
	events, err := p.schedulerAPI(ctx)
	if err != nil {
		return err
	}
	later, err := p.later(events)
	if err != nil {
		return err
	}
	client, err := sqsqueue.New(api, p.queueConfig(later))
	if err != nil {
		return &usageError{err: err}
	}
	return p.hint(errors.Join(do(client), client.Close(ctx)))
}

// hint adds what to do about an endpoint that does not answer.
func (p *program) hint(err error) error {
	service := "AWS_ENDPOINT_URL_SQS"
	switch {
	case errors.Is(err, schedules.ErrUnreachable):
		service = "AWS_ENDPOINT_URL_SCHEDULER"
	case !errors.Is(err, sqsqueue.ErrUnreachable):
		return err
	}
	for _, name := range []string{service, "AWS_ENDPOINT_URL"} {
		if url := os.Getenv(name); url != "" && !p.settings.local {
			return fmt.Errorf("%w; is something running at %s=%s?", err, name, url)
		}
	}
	return fmt.Errorf("%w; check the network and AWS_REGION", err)
}
