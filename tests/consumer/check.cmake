# Installs Tenon from BUILD_DIR into a folder of its own under WORK_DIR, then configures, builds and runs the consumer
# in this folder against it:  cmake -D BUILD_DIR=... -D WORK_DIR=... -P check.cmake
file(REMOVE_RECURSE ${WORK_DIR})
load_cache(${BUILD_DIR} READ_WITH_PREFIX TENON_ CMAKE_GENERATOR CMAKE_CXX_COMPILER CMAKE_CXX_FLAGS
  BUILD_SHARED_LIBS)
set(CMAKE_EXECUTE_PROCESS_COMMAND_ECHO STDOUT)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/installed --strip)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK_DIR}/build -G ${TENON_CMAKE_GENERATOR}
  -D CMAKE_PREFIX_PATH=${WORK_DIR}/installed
  -D Torch_DIR=${WORK_DIR}/installed/share/tenon/libtorch/share/cmake/Torch -D CMAKE_CXX_COMPILER=${TENON_CMAKE_CXX_COMPILER}
  -D CMAKE_CXX_FLAGS=${TENON_CMAKE_CXX_FLAGS}
  -D CMAKE_BUILD_TYPE=Release -D IS_SHARED=${TENON_BUILD_SHARED_LIBS})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build --parallel 2)
run(${WORK_DIR}/build/consumer)
file(SIZE ${WORK_DIR}/build/consumer size)
if(size GREATER 7000000)
  message(FATAL_ERROR "the consumer has ${size} bytes, so it holds what it does not call")
endif()
run(${WORK_DIR}/build/torch_consumer)
