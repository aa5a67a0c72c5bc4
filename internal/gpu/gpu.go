// Package gpu tells what NVIDIA's driver says of the GPUs of this machine:
// which there are, how busy, full and hot. Without a driver it says so.
package gpu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Report is what the driver says.
type Report struct {
	Absent  string   `json:"absent,omitempty"` // why there is no GPU; "": there is one
	Driver  string   `json:"driver,omitempty"` // "580.95.05"
	CUDA    string   `json:"cuda,omitempty"`   // the newest that the driver runs: "13.0"
	Devices []Device `json:"devices"`
}

// Device is one GPU. What a chip does not tell is nil: many lack an encoder,
// and some hide more.
type Device struct {
	Index       int      `json:"index"`
	Name        string   `json:"name"`
	UUID        string   `json:"uuid,omitempty"`
	Error       string   `json:"error,omitempty"`        // why it tells nothing: it fell off the bus
	Busy        *float64 `json:"busy,omitempty"`         // share of time in which it computed, 0..1
	MemoryBusy  *float64 `json:"memory_busy,omitempty"`  // share of time in which memory was read or written
	MemoryUsed  *float64 `json:"memory_used,omitempty"`  // bytes
	MemoryTotal *float64 `json:"memory_total,omitempty"` // bytes
	Encoder     *float64 `json:"encoder,omitempty"`      // NVENC's load, 0..1
	Decoder     *float64 `json:"decoder,omitempty"`      // NVDEC's load, 0..1
	Celsius     *float64 `json:"celsius,omitempty"`
	Watts       *float64 `json:"watts,omitempty"`
	Throttled   []string `json:"throttled"` // what slows it down, of ThrottleReasons; null: unknown
}

// ThrottleReasons are the causes of lower clocks that an operator can act on.
// Being idle and clocks that somebody set are none.
var ThrottleReasons = []string{"power_cap", "hardware", "sync_boost", "thermal", "hardware_thermal", "power_brake"}

var throttleBits = []uint64{
	nvml.ClocksThrottleReasonSwPowerCap, nvml.ClocksThrottleReasonHwSlowdown, nvml.ClocksThrottleReasonSyncBoost,
	nvml.ClocksThrottleReasonSwThermalSlowdown, nvml.ClocksThrottleReasonHwThermalSlowdown, nvml.ClocksThrottleReasonHwPowerBrakeSlowdown,
}

// driver is NVML between one Init and its Shutdown. Without a driver NVML kills
// the process at any call after a failed Init, so open is the only way to one.
type driver struct {
	lib nvml.Interface
	Report
	handles []nvml.Device // nil where there is none
}

// open asks for what does not change. The caller closes what it gets; a nil
// driver comes with the reason.
func open(lib nvml.Interface) (*driver, error) {
	switch ret := lib.Init(); ret {
	case nvml.SUCCESS:
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return nil, errors.New("no NVIDIA driver: libnvidia-ml.so.1 is not there")
	default:
		return nil, fmt.Errorf("no NVIDIA GPU with a driver: NVML says error %d", int(ret))
	}
	d := &driver{lib: lib}
	n, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS || n == 0 {
		d.close()
		return nil, errors.New("the NVIDIA driver sees no GPU")
	}
	d.Driver, _ = lib.SystemGetDriverVersion()
	if v, ret := lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		d.CUDA = fmt.Sprintf("%d.%d", v/1000, v%1000/10)
	}
	for i := range n {
		device := Device{Index: i, Name: "unknown"}
		h, ret := lib.DeviceGetHandleByIndex(i)
		if ret != nvml.SUCCESS {
			device.Error, h = d.text(ret), nil
		} else {
			if name, ret := h.GetName(); ret == nvml.SUCCESS {
				device.Name = name
			}
			device.UUID, _ = h.GetUUID()
		}
		d.handles = append(d.handles, h)
		d.Devices = append(d.Devices, device)
	}
	return d, nil
}

func (d *driver) close() { d.lib.Shutdown() }

func (d *driver) text(ret nvml.Return) string { return strings.ToLower(d.lib.ErrorString(ret)) }

// read asks for everything that changes.
func (d *driver) read() Report {
	r := d.Report
	r.Devices = nil
	for i, device := range d.Devices {
		if h := d.handles[i]; h != nil {
			d.fill(&device, h)
		}
		r.Devices = append(r.Devices, device)
	}
	return r
}

// fill uses functions that every driver of the last ten years has: NVML's
// library is bound lazily, and a call that it lacks ends the process.
func (d *driver) fill(to *Device, h nvml.Device) {
	u, ret := h.GetUtilizationRates()
	if ret == nvml.ERROR_GPU_IS_LOST {
		to.Error = d.text(ret)
		return
	}
	put := func(to **float64, v float64, ret nvml.Return) {
		if ret == nvml.SUCCESS {
			*to = &v
		}
	}
	put(&to.Busy, float64(u.Gpu)/100, ret)
	put(&to.MemoryBusy, float64(u.Memory)/100, ret)
	m, ret := h.GetMemoryInfo()
	put(&to.MemoryUsed, float64(m.Used), ret)
	put(&to.MemoryTotal, float64(m.Total), ret)
	percent, _, ret := h.GetEncoderUtilization()
	put(&to.Encoder, float64(percent)/100, ret)
	percent, _, ret = h.GetDecoderUtilization()
	put(&to.Decoder, float64(percent)/100, ret)
	degrees, ret := h.GetTemperature(nvml.TEMPERATURE_GPU)
	put(&to.Celsius, float64(degrees), ret)
	milliwatts, ret := h.GetPowerUsage()
	put(&to.Watts, float64(milliwatts)/1000, ret)
	if reasons, ret := h.GetCurrentClocksThrottleReasons(); ret == nvml.SUCCESS {
		to.Throttled = []string{}
		for i, bit := range throttleBits {
			if reasons&bit != 0 {
				to.Throttled = append(to.Throttled, ThrottleReasons[i])
			}
		}
	}
}

func absent(why string) Report { return Report{Absent: why, Devices: []Device{}} }

// Look asks the driver once.
func Look() Report { return look(nvml.New()) }

func look(lib nvml.Interface) Report {
	d, err := open(lib)
	if err != nil {
		return absent(err.Error())
	}
	defer d.close()
	return d.read()
}

// String is one line: "NVIDIA H100, 3 of 80 GiB, busy 12 %, 41 °C".
func (d Device) String() string {
	if d.Error != "" {
		return d.Name + ": " + d.Error
	}
	parts := []string{d.Name}
	if d.MemoryUsed != nil && d.MemoryTotal != nil {
		parts = append(parts, fmt.Sprintf("%.1f of %.1f GiB used", *d.MemoryUsed/(1<<30), *d.MemoryTotal/(1<<30)))
	}
	for _, v := range []struct {
		format string
		value  *float64
		times  float64
	}{
		{"busy %.0f %%", d.Busy, 100}, {"encoder %.0f %%", d.Encoder, 100}, {"decoder %.0f %%", d.Decoder, 100},
		{"%.0f °C", d.Celsius, 1}, {"%.0f W", d.Watts, 1},
	} {
		if v.value != nil {
			parts = append(parts, fmt.Sprintf(v.format, *v.value*v.times))
		}
	}
	if len(d.Throttled) > 0 {
		parts = append(parts, "throttled: "+strings.Join(d.Throttled, " "))
	}
	return strings.Join(parts, ", ")
}
