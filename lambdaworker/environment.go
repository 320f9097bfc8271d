package lambdaworker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// runtimeAPIVar is set by Lambda to where the Runtime API is.
const runtimeAPIVar = "AWS_LAMBDA_RUNTIME_API"

// AWSConfig is the configuration that Lambda gives its functions by variables: region, credentials, and where they are
// set the endpoints (AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_SQS, ...). It reads no files and asks nobody, which keeps the
// binary small and its start short; a function that needs more of the SDK's chain makes its clients of
// config.LoadDefaultConfig and passes one as [SQS].
func AWSConfig() (aws.Config, error) {
	region := os.Getenv("AWS_REGION")
	if region == "" {
		return aws.Config{}, errors.New("no AWS region: AWS_REGION is not set, as it is on Lambda")
	}
	credentials := aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: "environment",
	}
	if !credentials.HasKeys() {
		return aws.Config{}, errors.New("no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, as they are on Lambda")
	}
	cfg := aws.Config{
		Region:        region,
		Credentials:   aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		ConfigSources: []any{endpoints{}},
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = aws.String(url)
	}
	return cfg, nil
}

// endpoints is where the SDK's clients look for the endpoint of their service.
type endpoints struct{}

// GetServiceBaseEndpoint implements the SDK's lookup of AWS_ENDPOINT_URL_<SERVICE>.
func (endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (string, bool, error) {
	url := os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return url, url != "", nil
}

// environment turns variables into options.
func environment() ([]Option, error) {
	var opts []Option
	if text := os.Getenv("CORE_CONCURRENCY"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("CORE_CONCURRENCY=%q is invalid: it must be a whole number of 1 or more", text)
		}
		opts = append(opts, Concurrency(n))
	}
	if text := os.Getenv("CORE_GRACE"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, fmt.Errorf("CORE_GRACE=%q is invalid: it must be a duration such as 1s", text)
		}
		opts = append(opts, Grace(d))
	}
	return opts, nil
}

// reportInit tells Lambda why the function can't start.
func reportInit(api string, problem error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]string{"errorType": "Runtime.InitError", "errorMessage": problem.Error()})
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/2018-06-01/runtime/init/error", bytes.NewReader(body))
	if err != nil {
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		_ = response.Body.Close() // the process ends with the same error next
	}
}

func fatal(err error) {
	_, _ = fmt.Fprintf(os.Stderr, "core: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(1)
}
