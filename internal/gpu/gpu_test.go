package gpu

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// full is a chip that tells everything.
func full() *mock.Device {
	return &mock.Device{
		GetNameFunc:                         func() (string, nvml.Return) { return "Tesla T4", nvml.SUCCESS },
		GetUUIDFunc:                         func() (string, nvml.Return) { return "GPU-1", nvml.SUCCESS },
		GetUtilizationRatesFunc:             func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{Gpu: 37, Memory: 12}, nvml.SUCCESS },
		GetMemoryInfoFunc:                   func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 16 << 30, Used: 3 << 30}, nvml.SUCCESS },
		GetEncoderUtilizationFunc:           func() (uint32, uint32, nvml.Return) { return 25, 1000, nvml.SUCCESS },
		GetDecoderUtilizationFunc:           func() (uint32, uint32, nvml.Return) { return 5, 1000, nvml.SUCCESS },
		GetTemperatureFunc:                  func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 71, nvml.SUCCESS },
		GetPowerUsageFunc:                   func() (uint32, nvml.Return) { return 68500, nvml.SUCCESS },
		GetCurrentClocksThrottleReasonsFunc: func() (uint64, nvml.Return) { return 1 | 4 | 0x40 | 0x100, nvml.SUCCESS },
	}
}

// silent is a chip that tells nothing but its name, as some do of much.
func silent() *mock.Device {
	d := full()
	d.GetUUIDFunc = func() (string, nvml.Return) { return "", nvml.ERROR_NOT_SUPPORTED }
	d.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{}, nvml.ERROR_NOT_SUPPORTED }
	d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_NO_PERMISSION }
	d.GetEncoderUtilizationFunc = func() (uint32, uint32, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetDecoderUtilizationFunc = d.GetEncoderUtilizationFunc
	d.GetTemperatureFunc = func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 0, nvml.ERROR_UNKNOWN }
	d.GetPowerUsageFunc = func() (uint32, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetCurrentClocksThrottleReasonsFunc = func() (uint64, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	return d
}

// library has these devices, and fails t unless every Init has its Shutdown.
// What it lacks panics, as a mock's missing functions do.
func library(t *testing.T, devices ...*mock.Device) *mock.Interface {
	t.Helper()
	l := &mock.Interface{
		InitFunc:                       func() nvml.Return { return nvml.SUCCESS },
		ShutdownFunc:                   func() nvml.Return { return nvml.SUCCESS },
		ErrorStringFunc:                func(r nvml.Return) string { return "Error " + r.Error() },
		SystemGetDriverVersionFunc:     func() (string, nvml.Return) { return "580.95.05", nvml.SUCCESS },
		SystemGetCudaDriverVersionFunc: func() (int, nvml.Return) { return 13000, nvml.SUCCESS },
		DeviceGetCountFunc:             func() (int, nvml.Return) { return len(devices), nvml.SUCCESS },
		DeviceGetHandleByIndexFunc:     func(i int) (nvml.Device, nvml.Return) { return devices[i], nvml.SUCCESS },
	}
	t.Cleanup(func() {
		if i, s := len(l.InitCalls()), len(l.ShutdownCalls()); i != 1 || s != 1 {
			t.Errorf("%d times Init and %d times Shutdown, want one pair", i, s)
		}
	})
	return l
}

func TestLook(t *testing.T) {
	r := look(library(t, full(), silent()))
	if r.Absent != "" || r.Driver != "580.95.05" || r.CUDA != "13.0" || len(r.Devices) != 2 {
		t.Fatalf("%+v", r)
	}
	b, err := json.Marshal(r.Devices[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"index":0,"name":"Tesla T4","uuid":"GPU-1","busy":0.37,"memory_busy":0.12,"memory_used":3221225472,"memory_total":17179869184,` +
		`"encoder":0.25,"decoder":0.05,"celsius":71,"watts":68.5,"throttled":["power_cap","hardware_thermal"]}`
	if string(b) != want {
		t.Errorf("%s\nwant\n%s", b, want)
	}
	const line = "Tesla T4, 3.0 of 16.0 GiB used, busy 37 %, encoder 25 %, decoder 5 %, 71 °C, 68 W, throttled: power_cap hardware_thermal"
	if got := r.Devices[0].String(); got != line {
		t.Errorf("%q", got)
	}
	if !reflect.DeepEqual(r.Devices[1], Device{Index: 1, Name: "Tesla T4"}) || r.Devices[1].String() != "Tesla T4" {
		t.Errorf("a silent chip tells %+v", r.Devices[1])
	}
}

// TestNoDriver: a mock that can do nothing but Init panics at any other call,
// as NVML does worse.
func TestNoDriver(t *testing.T) {
	for ret, want := range map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND: "libnvidia-ml.so.1", nvml.ERROR_DRIVER_NOT_LOADED: "NVML says error 9",
	} {
		r := look(&mock.Interface{InitFunc: func() nvml.Return { return ret }})
		if !strings.Contains(r.Absent, want) || r.Devices == nil || len(r.Devices) != 0 { // a list in JSON
			t.Errorf("%v: %+v", ret, r)
		}
	}
	if r := look(library(t)); r.Absent != "the NVIDIA driver sees no GPU" {
		t.Errorf("no device: %+v", r)
	}
}

func TestLostDevices(t *testing.T) {
	lost := full()
	lost.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) { return nvml.Utilization{}, nvml.ERROR_GPU_IS_LOST }
	l := library(t, lost, full(), full())
	l.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i == 1 {
			return nil, nvml.ERROR_INSUFFICIENT_POWER
		}
		return []*mock.Device{lost, nil, full()}[i], nvml.SUCCESS
	}
	r := look(l)
	if r.Devices[0].Error == "" || r.Devices[0].Busy != nil || r.Devices[0].Name != "Tesla T4" {
		t.Errorf("lost: %+v", r.Devices[0])
	}
	if r.Devices[1].Error == "" || r.Devices[1].Name != "unknown" || !strings.HasPrefix(r.Devices[1].String(), "unknown: ") {
		t.Errorf("without a handle: %+v", r.Devices[1])
	}
	if r.Devices[2].Error != "" || r.Devices[2].Busy == nil {
		t.Errorf("the third suffers: %+v", r.Devices[2])
	}
}

// TestThisMachine must survive whatever is or is not here.
func TestThisMachine(t *testing.T) {
	r := Look()
	t.Logf("%+v", r)
	if (r.Absent == "") == (len(r.Devices) == 0) {
		t.Errorf("%+v", r)
	}
}
