package lambdaworker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/sqsqueue"
)

// What the SDK makes of each variable, AWSConfig does too: the clients made of both send the same requests.
func TestAWSConfigReadsTheEnvironmentAsTheSDKDoes(t *testing.T) {
	bundle := certificate(t)
	tests := []map[string]string{
		{},
		{"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"},
		{"AWS_REGION": "us-gov-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_USE_FIPS_ENDPOINT": "true"},
		{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY": "other", "AWS_SECRET_KEY": "secret"},
		{"AWS_SESSION_TOKEN": "token"},
		{"AWS_ACCOUNT_ID": "123456789012"},
		{"AWS_ACCOUNT_ID": "123456789012", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"},
		{"AWS_ACCOUNT_ID_ENDPOINT_MODE": "required"},
		{"AWS_USE_FIPS_ENDPOINT": "true"},
		{"AWS_USE_FIPS_ENDPOINT": "TRUE", "AWS_USE_DUALSTACK_ENDPOINT": "True"},
		{"AWS_USE_FIPS_ENDPOINT": "false"},
		{"AWS_USE_DUALSTACK_ENDPOINT": "true"},
		{"AWS_USE_DUALSTACK_ENDPOINT": "false"},
		{"AWS_REGION": "cn-north-1", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4560"},
		{"AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:8000"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		{"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "True"},
		{"AWS_ENDPOINT_URL_SQS": "http://127.0.0.1:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"},
		{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_USE_FIPS_ENDPOINT": "true"},
		{"AWS_MAX_ATTEMPTS": "1"},
		{"AWS_MAX_ATTEMPTS": "17"},
		{"AWS_MAX_ATTEMPTS": "0"},
		{"AWS_RETRY_MODE": "adaptive"},
		{"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "5"},
		{"AWS_SDK_UA_APP_ID": "reports"},
		{"AWS_DISABLE_REQUEST_COMPRESSION": "true"},
		{"AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "0"},
		{"AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "10485760"},
		{"AWS_DISABLE_CLOCK_SKEW_CORRECTION": "true"},
		{"AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED"},
		{"AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required"},
		{"AWS_AUTH_SCHEME_PREFERENCE": "sigv4a, sigv4,"},
		{"AWS_ENABLE_ENDPOINT_DISCOVERY": "auto"},
		{"AWS_ENABLE_ENDPOINT_DISCOVERY": "false"},
		{"AWS_DEFAULTS_MODE": "in-region"},
		{"AWS_DEFAULTS_MODE": "Auto", "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023"},
		{"AWS_CA_BUNDLE": bundle},
		// Values that the SDK refuses.
		{"AWS_USE_FIPS_ENDPOINT": "yes"},
		{"AWS_USE_DUALSTACK_ENDPOINT": "1"},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "no"},
		{"AWS_MAX_ATTEMPTS": "many"},
		{"AWS_RETRY_MODE": "legacy"},
		{"AWS_DISABLE_REQUEST_COMPRESSION": "on"},
		{"AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "-1"},
		{"AWS_DISABLE_CLOCK_SKEW_CORRECTION": "2"},
		{"AWS_REQUEST_CHECKSUM_CALCULATION": "always"},
		{"AWS_RESPONSE_CHECKSUM_VALIDATION": "never"},
		{"AWS_ACCOUNT_ID_ENDPOINT_MODE": "maybe"},
		{"AWS_ENABLE_ENDPOINT_DISCOVERY": "perhaps"},
		{"AWS_DEFAULTS_MODE": "fast"},
		{"AWS_CA_BUNDLE": "/no/such/file.pem"},
		{"AWS_CA_BUNDLE": os.Args[0]},
	}
	tried := map[string]bool{}
	for _, env := range tests {
		for name := range env {
			tried[name] = true
		}
		t.Run(describe(env), func(t *testing.T) {
			setenv(t, env)
			want, wantErr := config.LoadDefaultConfig(t.Context())
			got, err := lambdaworker.AWSConfig()
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("error %v, and the SDK's is %v", err, wantErr)
			}
			if err != nil {
				if name := slices.Sorted(maps.Keys(env))[0]; !strings.Contains(err.Error(), name) {
					t.Errorf("error %q does not name %s", err, name)
				}
				return
			}
			for what, pair := range map[string][2]string{
				"configuration": {settings(t, got), settings(t, want)},
				"SQS":           {viaSQS(t, got), viaSQS(t, want)},
				"DynamoDB":      {viaDynamoDB(t, got), viaDynamoDB(t, want)},
				"NewAPI":        {viaNewAPI(t, got), viaNewAPI(t, want)},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s:\n%s, and of the SDK's own\n%s", what, pair[0], pair[1])
				}
			}
		})
	}
	// What else the SDK's configuration reads has no meaning here.
	leftOut := map[string]string{
		"AWS_CONTAINER_CREDENTIALS_FULL_URI":       "Lambda gives keys",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI":   "Lambda gives keys",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN":        "Lambda gives keys",
		"AWS_WEB_IDENTITY_TOKEN_FILE":              "Lambda gives keys",
		"AWS_ROLE_ARN":                             "Lambda gives keys",
		"AWS_ROLE_SESSION_NAME":                    "Lambda gives keys",
		"AWS_PROFILE":                              "no files are read",
		"AWS_DEFAULT_PROFILE":                      "no files are read",
		"AWS_SHARED_CREDENTIALS_FILE":              "no files are read",
		"AWS_CONFIG_FILE":                          "no files are read",
		"AWS_RESTRICT_FILE_PERMISSIONS":            "no files are written",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE":   "of EC2",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT":        "of EC2",
		"AWS_EC2_METADATA_DISABLED":                "of EC2",
		"AWS_EC2_METADATA_V1_DISABLED":             "of EC2",
		"AWS_S3_USE_ARN_REGION":                    "of S3",
		"AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS": "of S3",
		"AWS_S3_DISABLE_EXPRESS_SESSION_AUTH":      "of S3",
	}
	for _, name := range sdkVariables(t) {
		if !tried[name] && leftOut[name] == "" {
			t.Errorf("the SDK reads %s, and no test compares what AWSConfig makes of it", name)
		}
	}
}

// sdkVariables are those that the SDK's source names.
func sdkVariables(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/aws/aws-sdk-go-v2/config").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "env_config.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, found := range regexp.MustCompile(`"(AWS_[A-Z0-9_]+)"`).FindAllSubmatch(source, -1) {
		names = append(names, string(found[1]))
	}
	if len(names) < 30 {
		t.Fatalf("only %v were found", names)
	}
	return names
}

// setenv sets these variables, those that Lambda sets, and none other of AWS.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func describe(env map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		all = append(all, strings.TrimPrefix(name, "AWS_")+"="+filepath.Base(env[name]))
	}
	return strings.Join(all, " ")
}

// settings are the fields of a configuration that are values.
func settings(t *testing.T, cfg aws.Config) string {
	t.Helper()
	keys, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	roots := 0
	if client, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		if pool := client.GetTransport().TLSClientConfig.RootCAs; pool != nil {
			roots = len(pool.Subjects()) //nolint:staticcheck // it is no pool of the system
		}
	}
	return fmt.Sprintln(cfg.Region, aws.ToString(cfg.BaseEndpoint), cfg.RetryMaxAttempts, cfg.RetryMode, cfg.AppID,
		cfg.DefaultsMode, cfg.RuntimeEnvironment, cfg.DisableRequestCompression, cfg.RequestMinCompressSizeBytes,
		cfg.DisableClockSkewCorrection, cfg.AccountIDEndpointMode, cfg.RequestChecksumCalculation,
		cfg.ResponseChecksumValidation, cfg.AuthSchemePreference,
		keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, keys.AccountID, roots)
}

// sent notes what a client sends, and fails.
type sent struct{ what string }

var errNoNetwork = errors.New("no network")

func (s *sent) Do(r *http.Request) (*http.Response, error) {
	_, app, _ := strings.Cut(r.Header.Get("User-Agent"), " app/")
	app, _, _ = strings.Cut(app, " ") // what follows tells where the keys came from
	s.what = fmt.Sprintf("%s token %q app %q", r.URL, r.Header.Get("X-Amz-Security-Token"), app)
	return nil, errNoNetwork
}

func viaSQS(t *testing.T, cfg aws.Config) string {
	t.Helper()
	var s sent
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.HTTPClient = &s })
	o := client.Options()
	return fmt.Sprintf("%s, %d attempts by %s", s.listQueues(t, client), o.Retryer.MaxAttempts(), o.RetryMode)
}

func viaNewAPI(t *testing.T, cfg aws.Config) string {
	t.Helper()
	var s sent
	cfg.HTTPClient = &s
	client := sqsqueue.NewAPI(cfg)
	return fmt.Sprintf("%s, %d attempts", s.listQueues(t, client), client.Options().Retryer.MaxAttempts())
}

func (s *sent) listQueues(t *testing.T, client *sqs.Client) string {
	t.Helper()
	once := func(o *sqs.Options) { o.Retryer = aws.NopRetryer{} }
	if _, err := client.ListQueues(t.Context(), &sqs.ListQueuesInput{}, once); !errors.Is(err, errNoNetwork) {
		return err.Error()
	}
	return s.what
}

func viaDynamoDB(t *testing.T, cfg aws.Config) string {
	t.Helper()
	var s sent
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.HTTPClient = &s })
	once := func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
	if _, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{}, once); !errors.Is(err, errNoNetwork) {
		return err.Error()
	}
	o := client.Options()
	return fmt.Sprintf("%s, %d attempts, discovery %v, account %v", s.what, o.Retryer.MaxAttempts(),
		o.EndpointDiscovery.EnableEndpointDiscovery, o.AccountIDEndpointMode)
}

// certificate writes one that signs itself.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	data, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: data}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
