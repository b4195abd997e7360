# The CUDA plug-in: a module beside the library, which opens it at run time. It needs nvcc, and no GPU, to be built.
# cuBLASLt is found when a matrix product is asked for, so neither its files nor its headers are needed here.
set(TENON_CUBLAS_INCLUDE "" CACHE PATH "A folder with cublasLt.h, to check Tenon's own declarations against it")
mark_as_advanced(TENON_CUBLAS_INCLUDE)

if(NOT TENON_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "TENON_CUDA is '${TENON_CUDA}'; expected AUTO, ON or OFF")
endif()
if(TENON_CUDA STREQUAL OFF)
  return()
endif()
if(NOT BUILD_SHARED_LIBS)
  if(TENON_CUDA STREQUAL ON)
    message(FATAL_ERROR "TENON_CUDA=ON needs BUILD_SHARED_LIBS=ON: the plug-in and the program share one libtenon")
  endif()
  return()
endif()

include(CheckLanguage)
if(NOT CMAKE_CUDA_COMPILER)
  find_program(TENON_NVCC nvcc PATHS /usr/local/cuda/bin)
  mark_as_advanced(TENON_NVCC)
  if(TENON_NVCC)
    set(CMAKE_CUDA_COMPILER ${TENON_NVCC})
  endif()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  # Code for Ampere and its PTX, which drivers compile for every later device.
  set(CMAKE_CUDA_ARCHITECTURES 80)
endif()
if(TENON_CUDA STREQUAL AUTO)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    message(STATUS "No nvcc was found: the CUDA plug-in is not built")
    return()
  endif()
endif()
if(TENON_CCACHE AND NOT DEFINED CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${TENON_CCACHE})
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)

find_package(CUDAToolkit REQUIRED)
file(GLOB TENON_CUDA_SOURCES CONFIGURE_DEPENDS src/backend/cuda/*.cu src/backend/cuda/*.cpp)
if(NOT TENON_CUBLAS_INCLUDE)
  list(FILTER TENON_CUDA_SOURCES EXCLUDE REGEX "cublaslt_check")
endif()
add_library(tenon_cuda MODULE ${TENON_CUDA_SOURCES})
target_include_directories(tenon_cuda PRIVATE src)
target_include_directories(tenon_cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS} ${TENON_CUBLAS_INCLUDE})
target_compile_options(tenon_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra>
  $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr --diag-suppress=177>
  # A third of the size; the drivers of CUDA 13 unpack it.
  $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<VERSION_GREATER_EQUAL:${CMAKE_CUDA_COMPILER_VERSION},13>>:--compress-mode=size>)
target_link_libraries(tenon_cuda PRIVATE tenon CUDA::cudart_static ${CMAKE_DL_LIBS})
set_target_properties(tenon_cuda PROPERTIES
  BUILD_RPATH_USE_ORIGIN ON
  INSTALL_RPATH "$ORIGIN"
  CUDA_VISIBILITY_PRESET hidden
  CUDA_RUNTIME_LIBRARY Static)
if(TENON_INSTALL)
  install(TARGETS tenon_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
endif()
